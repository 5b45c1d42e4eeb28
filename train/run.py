"""One training job from start to exit code.

A stop (T-35) ends `train_fn`; once the artifact is being published it comes too late, so that the artifact is there
whole or not at all.

A user's script that SageMaker's hyperparameters name runs instead of the plug (T-23), with its own exit code, and
writes into the model directory itself.

Exit codes: 0 done, 1 failed (output/failure says why), 143 stopped.
"""

import logging
import signal
import time
from types import ModuleType

from tiffin import loader
from tiffin.errors import BadJob, Stopped
from tiffin.job import TrainingJob
from tiffin.paths import Paths
from tiffin.settings import Settings
from train import artifact, failure, script
from train.config import read_job
from train.script import ScriptFailed
from train.stop import StopSignals

log = logging.getLogger(__name__)

DONE, FAILED, STOPPED = 0, 1, 128 + signal.SIGTERM


def run(settings: Settings) -> int:
    """Raises nothing: every end is an exit code."""
    paths, signals, started = settings.paths, StopSignals(), time.monotonic()
    try:
        with signals.raised(), artifact.staging(paths) as staged:
            paths.failure.unlink(missing_ok=True)  # of an earlier job in this tree; only this job's may stay
            chosen = script.submitted(settings)
            if chosen is not None:
                _log_start(chosen.job)
                script.run(chosen, settings, signals)
                log.info("script done in %.1f s", time.monotonic() - started)
                return DONE
            module = loader.load_training(settings)
            job = read_job(paths, settings.training_job_name, getattr(module, "Hyperparameters", None), staged)
            _log_start(job)
            _train(module, job)
            signals.hold()
            _publish(job, paths)
    except Stopped:
        log.warning("stopped after %.1f s; the model directory is as it was", time.monotonic() - started)
        return STOPPED
    except ScriptFailed as error:
        if signals.seen and error.code == STOPPED:
            log.warning(
                "stopped after %.1f s; what the script wrote into the model directory stays there",
                time.monotonic() - started,
            )
            return STOPPED
        log.error("training failed: %s", error)
        write_failure(paths, error, error.details)
        return error.code
    except BaseException as error:  # SystemExit and asyncio's CancelledError are no Exception
        reason = _early_exit(error) or error
        log.exception("training failed: %s", failure.cause(reason), exc_info=reason)
        write_failure(paths, reason)
        return FAILED
    log.info("training done in %.1f s", time.monotonic() - started)
    return DONE


def _early_exit(error: BaseException) -> BadJob | None:
    """T-33: SageMaker would take sys.exit(0) for success, and there is no artifact."""
    if not isinstance(error, SystemExit) or error.code not in (None, 0):
        return None
    reason = BadJob(
        "the training code called sys.exit(0): nothing is published before train_fn returns, so let it return"
    )
    reason.__cause__ = error
    return reason


def _train(module: ModuleType, job: TrainingJob) -> None:
    job.output_data_dir.mkdir(parents=True, exist_ok=True)
    try:
        module.train_fn(job)
    except MemoryError as error:
        raise BadJob("out of memory; take an instance type with more, or less data") from error


def _publish(job: TrainingJob, paths: Paths) -> None:
    if not job.is_leader:
        log.info("host %s leaves the model to %s", job.current_host, job.hosts[0])
        return
    files = artifact.publish(job.model_dir, paths.model)
    if not files and not any(paths.model.iterdir()):
        raise BadJob(f"train_fn wrote no file into job.model_dir ({job.model_dir}), so there is no artifact")
    for file in files:
        log.info("artifact: %s (%d bytes)", file, file.stat().st_size)


def _log_start(job: TrainingJob) -> None:
    log.info(
        "training job %s on %s of %d, channels: %s, hyperparameters: %s",
        job.name or "(unnamed)",
        job.current_host,
        len(job.hosts),
        ", ".join(sorted(job.channels)) or "none",
        job.hyperparameters,
    )


def write_failure(paths: Paths, error: BaseException, details: str | None = None) -> None:
    try:
        failure.write(paths.failure, error, details)
    except OSError as unwritable:
        log.error("%s cannot be written: %s", paths.failure, unwritable)
