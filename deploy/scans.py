"""What ECR's scan found in an image: told where it is known at once, and not waited for."""

import time

from botocore.exceptions import ClientError

from deploy.context import Context
from deploy.faults import is_absent
from deploy.kinds.registry import where
from deploy.repositories import Place

PATIENCE = 10.0  # seconds
SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")


def show(context: Context, place: Place, digest: str) -> None:
    deadline = time.monotonic() + PATIENCE
    command = f"aws ecr describe-image-scan-findings --repository-name {where(place.name)['repositoryName']}"
    while True:
        try:
            found = context.aws.client("ecr").describe_image_scan_findings(
                **where(place.name), imageId={"imageDigest": digest}
            )
        except ClientError as error:
            if not is_absent(error):  # another account's scans, or no permission: the push is done all the same
                context.say(f"ECR's scan was not read: {error.response['Error'].get('Message')}")
            return
        status = found.get("imageScanStatus", {}).get("status", "")
        if status not in ("IN_PROGRESS", "PENDING") or time.monotonic() > deadline:
            break
        time.sleep(1)
    if status in ("IN_PROGRESS", "PENDING"):
        context.say(f"ECR's scan goes on: {command} --image-id imageDigest={digest}")
        return
    counts = found.get("imageScanFindings", {}).get("findingSeverityCounts", {})
    said = ", ".join(f"{counts[each]} {each.lower()}" for each in SEVERITIES if counts.get(each))
    context.say(
        f"ECR's scan: {said or status.lower() or 'nothing found'}" + (f"; {command} lists them" if said else "")
    )
