"""What the account needs before the SQL works, as a POSIX script on the AWS CLI: each step with its reason.

It may be run again: what is there is kept.
"""

import shlex

from deploy.sql.place import POLICY, Place, trust


def text(place: Place) -> str:
    steps = {
        "aurora-mysql": (_ENDPOINT, _cluster(place), _role(place), _ATTACH, _PARAMETER, _REBOOT, _EGRESS),
        "aurora-postgresql": (_ENDPOINT, _cluster(place), _role(place), _ATTACH, _EGRESS),
        "redshift": (_ENDPOINT, _role(place), _REDSHIFT),
        "athena": (_ENDPOINT, _PRINCIPAL),
    }[place.engine]
    return "\n".join((_head(place), *steps))


def _head(place: Place) -> str:
    needs = {
        "aurora-mysql": "\n# REBOOT=no leaves the restart of the cluster's instances, a few seconds each, to you.",
        "redshift": "\n# Redshift Serverless has no cluster: add the role to the namespace in the console.",
    }.get(place.engine, "")
    lines = [
        "#!/bin/sh",
        f"# {place.name} may call one SageMaker endpoint. Needs the AWS CLI; run it again whenever you like.{needs}",
        "set -eu",
        "export AWS_PAGER=",
        f"endpoint={shlex.quote(place.endpoint)}",
    ]
    if place.engine == "athena":
        lines.append(': "${PRINCIPAL:?who runs the queries: role/NAME, user/NAME or group/NAME}"')
        lines.append(f"policy={shlex.quote(f'{place.role}'[:128])}")
    else:
        default = shlex.quote(place.cluster)
        lines.append(
            f"cluster=${{CLUSTER:-{default}}}" if place.cluster else "cluster=${CLUSTER:?the identifier of the cluster}"
        )
        lines.append(f"role={shlex.quote(place.role)}")
    if place.engine == "aurora-mysql":
        lines.append(f"group={shlex.quote(place.group)}")
    return "\n".join(lines) + "\n"


_ENDPOINT = """\
# The endpoint's ARN: what the policy below allows, and nothing else. An engine calls endpoints of its own account and
# Region only (Q-09), so that this fails where the cluster's Region is not the CLI's.
arn=$(aws sagemaker describe-endpoint --endpoint-name "$endpoint" --query EndpointArn --output text)
region=$(echo "$arn" | cut -d: -f4) # IAM has none: a policy of each Region's own, in one role or user
allowed='{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": "'$arn'"}]}'
"""


def _cluster(place: Place) -> str:
    return f"""\
# What is asked about the cluster; and whether it is of this engine at all.
of_cluster() {{ # QUERY
    aws rds describe-db-clusters --db-cluster-identifier "$cluster" --query "DBClusters[0].$1" --output text
}}
found=$(of_cluster "[Engine, EngineVersion, DBClusterParameterGroup, DBSubnetGroup]")
engine=$(echo "$found" | cut -f1) version=$(echo "$found" | cut -f2)
current=$(echo "$found" | cut -f3) subnets=$(echo "$found" | cut -f4)
if [ "$engine" != {place.engine} ]; then
    echo "$cluster is $engine, and not {place.engine}: make this script with --engine $engine" >&2
    exit 2
fi
"""


def _role(place: Place) -> str:
    who = "Redshift" if place.engine == "redshift" else "Aurora"
    return f"""\
# The role that {who} takes on: nobody else can, and it may invoke this endpoint and do nothing else.
role_arn=$(aws iam get-role --role-name "$role" --query Role.Arn --output text 2>/dev/null || :)
if [ -z "$role_arn" ]; then
    role_arn=$(aws iam create-role --role-name "$role" --query Role.Arn --output text --assume-role-policy-document \\
        {shlex.quote(trust(place.service))})
    aws iam wait role-exists --role-name "$role"
fi
aws iam put-role-policy --role-name "$role" --policy-name "{POLICY}-$region" \\
    --policy-document "$allowed"
echo "role $role_arn"
"""


_ATTACH = """\
# The cluster may use the role only once it is attached. Aurora PostgreSQL finds it by its feature; Aurora MySQL by the
# parameter below, and refuses a feature that its version does not list.
feature=SageMaker
if [ "$engine" = aurora-mysql ]; then
    feature=$(aws rds describe-db-engine-versions --engine "$engine" --engine-version "$version" \\
        --query "DBEngineVersions[0].SupportedFeatureNames[?@=='SageMaker']" --output text 2>/dev/null || :)
    [ "$feature" = SageMaker ] || feature=
fi
look() { status=$(of_cluster "AssociatedRoles[?RoleArn=='$role_arn'].Status | [0]"); }
look
if [ "$status" = None ]; then
    aws rds add-role-to-db-cluster --db-cluster-identifier "$cluster" --role-arn "$role_arn" \\
        ${feature:+--feature-name "$feature"}
    look
fi
tries=0
while [ "$status" != ACTIVE ]; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { echo "the role is $status after 5 minutes, not ACTIVE" >&2; exit 1; }
    sleep 5
    look
done
echo "attached to $cluster"
"""

_PARAMETER = """\
# Aurora MySQL takes the role that this parameter names. AWS's default groups cannot be changed: a cluster that has one
# gets a group of its own, at once; a group that you made keeps what else is in it.
case $current in
default.*)
    aws rds describe-db-cluster-parameter-groups --db-cluster-parameter-group-name "$group" >/dev/null 2>&1 ||
        aws rds create-db-cluster-parameter-group --db-cluster-parameter-group-name "$group" \\
            --db-parameter-group-family "${current#default.}" --description "may call SageMaker endpoints" >/dev/null
    aws rds modify-db-cluster --db-cluster-identifier "$cluster" --db-cluster-parameter-group-name "$group" \\
        --apply-immediately >/dev/null
    ;;
*) group=$current ;;
esac
value=$(aws rds describe-db-cluster-parameters --db-cluster-parameter-group-name "$group" \\
    --query "Parameters[?ParameterName=='aws_default_sagemaker_role'].ParameterValue" --output text)
value=$(echo "$value" | tr -d '[:space:]') # the query is asked of each page, and most pages answer an empty line
if [ "$value" != "$role_arn" ]; then
    aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name "$group" --parameters \\
        "ParameterName=aws_default_sagemaker_role,ParameterValue=$role_arn,ApplyMethod=pending-reboot" >/dev/null
fi
echo "aws_default_sagemaker_role in $group"
"""

_REBOOT = """\
# An instance reads the parameter when it starts: without a restart the function fails though all is set.
instances=$(of_cluster "DBClusterMembers[].DBInstanceIdentifier")
waiting=$(of_cluster "DBClusterMembers[?DBClusterParameterGroupStatus=='pending-reboot'].DBInstanceIdentifier")
if [ "$value" = "$role_arn" ] && [ "$current" = "$group" ] && [ -z "$waiting" ]; then
    echo "it was set before: nothing is restarted"
elif [ "${REBOOT:-yes}" = no ]; then
    echo "not restarted: the function fails until each of these is: $instances"
else
    for instance in $instances; do
        aws rds wait db-instance-available --db-instance-identifier "$instance"
        aws rds reboot-db-instance --db-instance-identifier "$instance" >/dev/null
        aws rds wait db-instance-available --db-instance-identifier "$instance"
        echo "restarted $instance"
    done
fi
"""

_EGRESS = """\
# The calls leave the cluster's network by HTTPS: a security group has to let them out, and a route (or an interface
# endpoint of SageMaker's runtime) has to lead there. What looks wrong is said, and changed by nobody.
groups=$(of_cluster "VpcSecurityGroups[].VpcSecurityGroupId")
out=0
for each in $groups; do
    rules=$(aws ec2 describe-security-groups --group-ids "$each" --output text --query \\
        "SecurityGroups[].IpPermissionsEgress[?IpProtocol=='-1' || (FromPort<=\\`443\\` && ToPort>=\\`443\\`)][]
            .IpProtocol")
    [ -z "$rules" ] || out=1
done
[ $out = 1 ] || echo "check: no security group of $cluster (${groups:-none}) lets port 443 out" >&2
vpc=$(aws rds describe-db-subnet-groups --db-subnet-group-name "$subnets" \\
    --query 'DBSubnetGroups[0].VpcId' --output text 2>/dev/null || :)
if [ -z "$vpc" ] || [ "$vpc" = None ]; then
    echo "check: the VPC of $cluster could not be found; does a route lead from it to SageMaker?" >&2
else
    doors=$(aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].VpcEndpointId' --output text --filters \\
        "Name=vpc-id,Values=$vpc" "Name=service-name,Values=com.amazonaws.$region.sagemaker.runtime")
    routes=$(aws ec2 describe-route-tables --filters "Name=vpc-id,Values=$vpc" --output text \\
        --query "RouteTables[].Routes[?DestinationCidrBlock=='0.0.0.0/0'][].DestinationCidrBlock")
    if [ -n "$doors" ]; then
        echo "way out: the interface endpoint $doors"
    elif [ -n "$routes" ]; then
        echo "way out: a default route of $vpc; from private subnets it needs a NAT gateway"
    else
        echo "check: $vpc has neither a default route nor an interface endpoint of sagemaker.runtime" >&2
    fi
fi
"""

_REDSHIFT = """\
# The cluster may use the role only once it is associated; doing so twice changes nothing.
aws redshift modify-cluster-iam-roles --cluster-identifier "$cluster" --add-iam-roles "$role_arn" >/dev/null
echo "associated with $cluster; in CREATE MODEL: IAM_ROLE '$role_arn'"
"""

_PRINCIPAL = """\
# Athena has no role of its own: it calls the endpoint as whoever runs the query, who may do so from here on. Athena,
# Glue and S3 that principal has already.
kind=${PRINCIPAL%%/*}
case $kind in
role | user | group) ;;
*) echo "PRINCIPAL=$PRINCIPAL is none of role/NAME, user/NAME, group/NAME" >&2; exit 2 ;;
esac
aws iam "put-$kind-policy" "--$kind-name" "${PRINCIPAL##*/}" --policy-name "$policy-$region" \\
    --policy-document "$allowed"
echo "$PRINCIPAL may invoke $arn"
"""
