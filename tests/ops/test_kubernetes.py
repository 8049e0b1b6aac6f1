"""deploy/kubernetes, as kustomize makes it, held to the schemas of Kubernetes and of the operators and to our promises.

``kubernetes-validate`` carries the API's schemas in their strict form. The custom resources are read with typed models
made from their definitions and written again: what a model does not know would be missing.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as monitoring

from alerts.detection.config import load as load_limits
from alerts.notify.config import load as load_delivery
from stream.settings import PREFIX, Settings
from stream.worker import DRAIN_SECONDS_MAX, STOP_SECONDS_MAX

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
#: The oldest version that is still cared for by most installations, and the newest whose schemas are at hand.
VERSIONS = ("1.31", "1.37")
CUSTOM = {
    "ScaledObject": keda.ScaledObject,
    "TriggerAuthentication": keda.TriggerAuthentication,
    "ServiceMonitor": monitoring.ServiceMonitor,
}

pytestmark = pytest.mark.ops


def built(overlay: str) -> list[dict[str, Any]]:
    """What kustomize makes of an overlay."""
    kustomize, kubectl = shutil.which("kustomize"), shutil.which("kubectl")
    assert kustomize or kubectl, "neither kustomize nor kubectl is on PATH: `make ops-tools` says how to have one"
    command = [kustomize, "build"] if kustomize else [str(kubectl), "kustomize"]
    made = subprocess.run(
        [*command, str(KUBERNETES / "overlays" / overlay)], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return [document for document in yaml.safe_load_all(made.stdout) if document]


@pytest.fixture(params=OVERLAYS)
def documents(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Every resource of one overlay after the other."""
    return built(request.param)


def of_kind(documents: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Those of a kind."""
    return [document for document in documents if document["kind"] == kind]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_fits_its_schema(documents: list[dict[str, Any]], version: str) -> None:
    """No field that the API does not know, none of a wrong type, none missing."""
    for document in documents:
        if document["kind"] in CUSTOM:
            read = CUSTOM[document["kind"]].model_validate(document)
            written = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
            assert written == document
        else:
            kubernetes_validate.validate(document, version, strict=True)


def test_a_mistake_does_not_fit() -> None:
    """The two ways of looking do find something."""
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "x"}, "nonsense": 1},
            "1.31",
            strict=True,
        )
    wrong = built("production")
    monitor = of_kind(wrong, "ServiceMonitor")[0]
    monitor["spec"]["nonsense"] = 1
    read = monitoring.ServiceMonitor.model_validate(monitor)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) != monitor


def test_pods_are_restricted_probed_and_known_by_their_ordinal(documents: list[dict[str, Any]]) -> None:
    """What the `restricted` pod security standard asks, and what a worker needs to be run for years."""
    assert {namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] for namespace in
            of_kind(documents, "Namespace")} == {"restricted"}  # fmt: skip
    sets = of_kind(documents, "StatefulSet")
    assert {one["metadata"]["name"] for one in sets} == {"accesswatch-screen", "accesswatch-alert"}
    for one in sets:
        pod = one["spec"]["template"]["spec"]
        (worker,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert worker["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert pod["automountServiceAccountToken"] is False
        assert pod["terminationGracePeriodSeconds"] > STOP_SECONDS_MAX > DRAIN_SECONDS_MAX
        assert worker["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert worker["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert worker["resources"]["requests"].keys() == {"cpu", "memory"}
        (named,) = [entry for entry in worker["env"] if entry["name"] == "ACCESSWATCH_INSTANCE_ID"]
        assert named["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
        selector = one["spec"]["selector"]["matchLabels"]
        for kind in ("PodDisruptionBudget", "NetworkPolicy"):
            shapes = [other["spec"].get("selector", other["spec"].get("podSelector")) for other in
                      of_kind(documents, kind)]  # fmt: skip
            assert {"matchLabels": selector} in shapes


def test_settings_are_known_and_no_secret_stands_in_them(documents: list[dict[str, Any]]) -> None:
    """Every variable is a setting; what is secret is named as a file of the Secret that is referred to."""
    (settings,) = [one for one in of_kind(documents, "ConfigMap") if "ACCESSWATCH_HTTP" in one["data"]]
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name, value in settings["data"].items():
        assert name in known or name.removesuffix("_FILE") in known
        if name.endswith("_FILE"):
            assert value.startswith("/run/secrets/accesswatch/")
        assert "password" not in value.lower() or name.endswith("_FILE")
    assert of_kind(documents, "Secret") == []
    for one in of_kind(documents, "StatefulSet"):
        (volume,) = [volume for volume in one["spec"]["template"]["spec"]["volumes"] if volume["name"] == "secrets"]
        assert volume["secret"]["secretName"] == "accesswatch"


def test_the_files_in_it_are_right(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    """The limits and the routes that are shipped here load."""
    (files,) = [one for one in of_kind(documents, "ConfigMap") if "limits.yaml" in one["data"]]
    for name, text in files["data"].items():
        (tmp_path / name).write_text(text, "utf-8")
    assert load_limits(tmp_path / "limits.yaml").hash == load_limits(None).hash
    assert load_delivery(tmp_path / "delivery.yaml", {}).routes == ()
