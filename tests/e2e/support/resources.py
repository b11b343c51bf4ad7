# SPDX-License-Identifier: Apache-2.0
"""Resource files and configuration files, written as YAML (values in JSON, which YAML contains)."""

import json

LOOPBACK = ["127.0.0.0/8", "::1/128"]


def upstream(name, base_url, auth="bearer", **more):
    if isinstance(auth, str):
        auth = {"kind": auth}
    made = {"kind": "upstream", "name": name, "mount": f"/{name}", "base_url": base_url, "auth": auth,
            "allow_private_addresses": LOOPBACK}
    if base_url.startswith("http://"):
        made["allow_plaintext"] = True
    made.update(more)
    return {key: value for key, value in made.items() if value is not None}


def credential(name, of, source, **more):
    return {"kind": "credential", "name": name, "upstream": of, "from": source, **more}


def principal(name, **more):
    return {"kind": "principal", "name": name, **more}


def api_key(key, of, **more):
    return {"kind": "api_key", "name": key.id, "principal": of, "hash": key.hash, **more}


def grant(of, to, **more):
    return {"kind": "grant", "principal": of, "upstream": to, **more}


def one_document(resource):
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in resource.items())


def dump(resources):
    return "---\n".join(one_document(resource) for resource in resources)


def simple(name, url, key, **more):
    """An upstream, a credential from E2E_SECRET, and a caller named "caller" who may use it."""
    return [upstream(name, url, **more), credential(f"{name}-main", name, "env:E2E_SECRET"), principal("caller"),
            api_key(key, "caller"), grant("caller", name)]
