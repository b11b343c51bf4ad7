# SPDX-License-Identifier: Apache-2.0
"""What is shipped and written down for ExternalDNS: the files for Kubernetes, and the steps of the pages, done as a user does them."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml as pyyaml

from support import external_dns, technitium, wire
from support.dns_door import MEDIA_TYPE
from support.external_dns import endpoint
from support.gateway import BINARY, REPOSITORY, replace_file, run
from support.managed import ManagedGateway
from support.pod import IS_ROOT, USER, Container
from support.waiting import until

ZONE = "example.com"
SHIPPED = REPOSITORY / "deploy/kubernetes/externaldns"
PAGE = REPOSITORY / "docs/doors/externaldns.md"
CALLS = ["/api/zones/list", *(f"/api/zones/records/{verb}" for verb in ("get", "add", "update", "delete"))]


def parts(name):
    return list(pyyaml.safe_load_all((SHIPPED / name).read_text()))


def pod_of_manifests():
    return parts("deployment.yaml")[0]["spec"]["template"]["spec"]


def container(pod, name):
    return next(each for each in pod["containers"] if each["name"] == name)


def size(text):
    number, unit = re.fullmatch(r"(\d+)([KMG])iB?", text).groups()
    return int(number) << {"K": 10, "M": 20, "G": 30}[unit]


@pytest.fixture
def dns(identity):
    with technitium.Dns(ZONE) as dns:
        dns.add_node("technitium", identity=identity)
        yield dns


def change(**lists):
    return json.dumps({name: [endpoint(f"www.{ZONE}", "A", target)] for name, target in lists.items()}).encode()


def ask(gateway, listener, *request):
    """Of a listener of the door's, which speaks plain HTTP."""
    with wire.Client(gateway.addresses[listener]) as client:
        return client.call(*request, host="127.0.0.1")


def bring_about(gateway, dns):
    """A record that is made, changed and deleted by way of the door."""
    for changes, there in ((change(create="192.0.2.1"), ["192.0.2.1"]),
                           (change(updateOld="192.0.2.1", updateNew="192.0.2.2"), ["192.0.2.2"]), (change(delete="192.0.2.2"), [])):
        answer = ask(gateway, "cluster-dns", "POST", "/records", [("Content-Type", MEDIA_TYPE)], changes)
        assert answer.status == 204, answer
        assert dns.at(f"www.{ZONE}", "A") == there
    assert dns.violations == []


def is_ready(gateway):
    return ask(gateway, "cluster-dns.health", "GET", "/readyz").status == 200


# --- the files for Kubernetes

@pytest.fixture
def claviger():
    made = Container(container(pod_of_manifests(), "claviger"))
    yield made
    made.remove()


def test_what_is_shipped_for_kubernetes_works(claviger, dns, authority):
    """claviger.yaml and technitium.yaml as they are, but for addresses, in volumes as kubelet makes them, as the pod's user."""
    pod = pod_of_manifests()
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == (USER, USER)
    config, made = parts("claviger.yaml"), parts("technitium.yaml")
    config[0]["gateway"]["listen"] = "127.0.0.1:0"
    config[0]["doors"][0] |= {"listen": "127.0.0.1:0", "health": "127.0.0.1:0"}
    made[0] |= {"base_url": dns.nodes["technitium"].url("localhost"), "allow_private_addresses": ["127.0.0.0/8", "::1/128"]}
    modes = {volume["name"]: volume["secret"]["defaultMode"] for volume in pod["volumes"] if "secret" in volume}

    claviger.config_map("/etc/claviger", {"claviger.yaml": config, "technitium-ca.pem": authority.cert.read_text()})
    claviger.config_map("/etc/claviger-resources", {"technitium.yaml": made})
    claviger.secret("/run/secrets/technitium", {"password": f"{technitium.PASSWORD}\n"}, modes["technitium"])
    claviger.empty_dir("/var/lib/claviger")
    claviger.start()
    until(lambda: is_ready(claviger), "the pod to be ready")
    bring_about(claviger, dns)
    assert claviger.stop() == 0
    data = Path(claviger.inside(parts("claviger.yaml")[0]["data_dir"]))
    assert data.stat().st_mode & 0o7777 == 0o700
    assert not IS_ROOT or data.stat().st_uid == USER
    assert any((data / "audit").iterdir())
    assert "door_does_not_fit" not in claviger.log.text()


def test_what_is_shipped_for_kubernetes_has_no_more_rights_than_it_needs():
    pod = pod_of_manifests()
    values = parts("values.yaml")[0]
    for context in (pod["securityContext"], values["podSecurityContext"]):
        assert context["runAsNonRoot"] and (context["runAsUser"], context["runAsGroup"]) == (1000, 1000)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    contexts = [each["securityContext"] for each in pod["containers"]]
    for context in (*contexts, values["securityContext"], values["provider"]["webhook"]["securityContext"]):
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        for each in (container(pod, "claviger"), values["provider"]["webhook"]):
            assert each[probe]["httpGet"]["path"] == path
    assert all("limits" in each["resources"] for each in pod["containers"])
    policy = parts("networkpolicy.yaml")[0]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert 8888 not in [port["port"] for rule in policy["ingress"] for port in rule["ports"]]


def test_the_service_accounts_token_is_mounted_into_external_dns_alone():
    pod, values = pod_of_manifests(), parts("values.yaml")[0]
    assert pod["automountServiceAccountToken"] is False and parts("rbac.yaml")[0]["automountServiceAccountToken"] is False
    assert values["automountServiceAccountToken"] is False and values["serviceAccount"]["automountServiceAccountToken"] is False
    for mounts in (container(pod, "external-dns")["volumeMounts"], values["extraVolumeMounts"]):
        assert [mount["name"] for mount in mounts] == ["kubernetes"]
    for mounts in (container(pod, "claviger")["volumeMounts"], values["provider"]["webhook"]["extraVolumeMounts"]):
        assert "kubernetes" not in [mount["name"] for mount in mounts]


def test_both_ways_to_the_pod_are_the_same_pod():
    pod, values = pod_of_manifests(), parts("values.yaml")[0]
    ours, webhook = container(pod, "claviger"), values["provider"]["webhook"]
    assert [webhook[key] for key in ("args", "resources")] == [ours[key] for key in ("args", "resources")]
    assert webhook["extraVolumeMounts"] == ours["volumeMounts"]
    assert {volume["name"]: volume for volume in values["extraVolumes"]} == {volume["name"]: volume for volume in pod["volumes"]}
    images = {image["name"]: image for image in parts("kustomization.yaml")[0]["images"]}
    assert {each["image"] for each in pod["containers"]} == images.keys()
    assert images["external-dns"]["newTag"] == values["image"]["tag"] == external_dns.VERSION, "the one that is tested with"
    assert images["claviger"]["newTag"] == webhook["image"]["tag"]


def test_the_kustomization_names_files_that_are_there():
    kustomization = parts("kustomization.yaml")[0]
    named = [*kustomization["resources"], *(name for made in kustomization["configMapGenerator"] for name in made["files"])]
    assert [name for name in named if not (SHIPPED / name).exists()] == ["technitium-ca.pem"], "which is for the operator to put there"
    generated = {made["name"] for made in kustomization["configMapGenerator"]}
    assert generated == {volume["configMap"]["name"] for volume in pod_of_manifests()["volumes"] if "configMap" in volume}


def test_the_values_are_those_that_the_chart_knows():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((external_dns.module() / "charts/external-dns/values.schema.json").read_text())
    values = parts("values.yaml")[0]
    jsonschema.Draft7Validator(schema).validate(values)

    def unknown(values, schema, place=""):
        known = schema.get("properties")
        if not isinstance(values, dict) or not known:
            return []
        here = [f"{place}{key}" for key in values if key not in known]
        return here + [name for key in values.keys() & known.keys() for name in unknown(values[key], known[key], f"{place}{key}.")]

    free = re.compile(r"(provider\.webhook\.)?(securityContext|podSecurityContext|resources)\b.*")
    assert [name for name in unknown(values, schema) if not free.fullmatch(name)] == []


def test_the_audit_log_stays_within_its_volume():
    audit = parts("claviger.yaml")[0]["audit"]
    volumes = {volume["name"]: volume for volume in pod_of_manifests()["volumes"]}
    limit = size(volumes["audit-log"]["emptyDir"]["sizeLimit"])
    assert size(audit["retention_size"]) + 2 * size(audit["segment"]) < limit * 3 // 4


def test_a_cycle_does_not_meet_the_rate_of_the_grant():
    """Five thousand changes are twice as many calls, with their owners; all of a window may come at once."""
    grant = parts("technitium.yaml")[-1]
    calls, unit = grant["rate"].split("/")
    assert unit == "min" and int(calls) >= 2 * 2 * 5000


# --- the pages

def test_all_that_are_shown_grant_the_same_calls():
    shown = [parts("technitium.yaml"), list(pyyaml.safe_load_all(blocks("yaml")[0]))]
    for grant in (next(each for each in made if each["kind"] == "grant") for made in shown):
        assert (grant["methods"], grant["paths"]) == (["POST"], CALLS)


def blocks(language):
    """Those of "Setting it up", in order."""
    section = PAGE.read_text().partition("\n## Setting it up\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.mark.parametrize("resources, config", [(None, None), ("technitium.yaml", "claviger.yaml")], ids=["page", "shipped"])
def test_what_is_written_down_is_found_to_be_right_beforehand(tmp_path, authority, resources, config):
    made, door = [(SHIPPED / name).read_text() for name in (resources, config)] if resources else blocks("yaml")[:2]
    folder = tmp_path / "resources"
    folder.mkdir(mode=0o700)
    replace_file(folder / "technitium.yaml", made.replace("/etc/claviger/technitium-ca.pem", str(authority.cert)))
    replace_file(tmp_path / "claviger.yaml", door)
    checked = run("check-config", tmp_path / "claviger.yaml", "--resources", folder)
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr


def test_the_steps_for_a_gateway_with_a_store_work(tmp_path, dns, authority):
    """The commands of the page, but for the address and the CA of the Technitium of the test's."""
    door = pyyaml.safe_load(blocks("yaml")[1])["doors"]
    for each in door:
        each |= {"listen": "127.0.0.1:0", "health": "127.0.0.1:0"}
    gateway = ManagedGateway(tmp_path / "gateway").start()
    (tmp_path / "claviger").symlink_to(BINARY)

    def follow(steps, stdin="", status=0):
        for shown, here in (("https://dns.example.com:53443", dns.nodes["technitium"].url("localhost")),
                            ("/etc/claviger/technitium-ca.pem", str(authority.cert)), ("10.0.0.0/8", "127.0.0.0/8,::1/128")):
            steps = steps.replace(shown, here)
        done = subprocess.run(["sh", "-euc", steps], input=stdin, capture_output=True, text=True, cwd=tmp_path, timeout=60,
                              env={**gateway.env, **gateway.cli_env(), "PATH": f"{tmp_path}:{gateway.env['PATH']}"})
        assert done.returncode == status, done.stderr
        return done.stdout

    try:
        make, check, zones = blocks("sh")
        follow(make, stdin=f"{technitium.PASSWORD}\n")
        gateway.write_config({"doors": door})
        gateway.restart()
        until(lambda: is_ready(gateway), "the door to have reached DNS")
        bring_about(gateway, dns)
        assert "lets POST through" in follow(check)
        create = check.replace("records/add", "create")
        assert "no grant lets this through" in follow(create, status=1)
        follow(zones)
        assert "lets POST through" in follow(create)
        assert "door_does_not_fit" not in gateway.log.text()
    finally:
        gateway.stop()


def test_the_page_for_who_comes_from_the_python_webhook_names_its_variables():
    page = (REPOSITORY / "docs/migrating-from-technitium-webhook.md").read_text()
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", page))
    assert named >= {"TECHNITIUM_URL", "TECHNITIUM_USERNAME", "TECHNITIUM_PASSWORD", "TECHNITIUM_FAILOVER_URLS", "TECHNITIUM_VERIFY_SSL",
                     "TECHNITIUM_CA_BUNDLE_FILE", "TECHNITIUM_TIMEOUT", "TECHNITIUM_ENABLE_REQUEST_COMPRESSION",
                     "TECHNITIUM_COMPRESSION_THRESHOLD_BYTES", "ZONE", "CATALOG_ZONE", "DOMAIN_FILTERS", "LISTEN_ADDRESS", "LISTEN_PORT",
                     "HEALTH_PORT", "REQUESTS_PER_MINUTE", "RATE_LIMIT_BURST", "LOG_LEVEL"}
