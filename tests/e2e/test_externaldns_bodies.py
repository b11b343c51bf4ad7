# SPDX-License-Identifier: Apache-2.0
"""Bodies of 32 MiB that are all of one kind, so as to take the most memory; whoever sends them has the door to themselves."""

import pytest

from support.dns_door import DnsDoor
from support.gateway import IS_SANITIZED

ZONE = "example.com"
MOST = 32 << 20
GROWTH = 200  # MiB, of the process, the body among them
PLANNED = 320  # where each of 130,000 names is planned by itself, and told of
LONG = ".".join(["a" * 60] * 3)

pytestmark = pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's memory is its own")


def full(head, item, tail):
    """`head`, as many of `item` as there is room for, `tail`."""
    item = item.encode()
    count = (MOST - len(head) - len(tail)) // (len(item) + 1)
    return head.encode() + b",".join([item] * count) + tail.encode()


def numbered(head, item, tail, width=7):
    """The same with a number in each, for what has to differ."""
    size = len(item % ("0" * width)) + 1
    count = (MOST - len(head) - len(tail)) // size
    return (head + ",".join(item % f"{number:0{width}}" for number in range(count)) + tail).encode()


def lists(first):
    """As endpoints, and as changes."""
    return {"adjust": ("/adjustendpoints", "[" + first, "]"), "apply": ("/records", '{"create":[' + first, "]}")}


KINDS = {
    "endpoints with nothing in them": ("", "{}", ""),
    "targets of a byte": ('{"dnsName":"a.example.com","recordType":"A","targets":[', '"a"', "]}"),
    "endpoints with too many targets": ("", '{"dnsName":"a.example.com","recordType":"A","targets":[%s]}' % ",".join(['"a"'] * 1500), ""),
    "endpoints with many targets": ("", '{"dnsName":"a.example.com","recordType":"TXT","targets":[%s]}' % ",".join(['"a"'] * 990), ""),
    "properties": ('{"dnsName":"a.example.com","recordType":"A","providerSpecific":[', "{}", "]}"),
    "labels": ('{"dnsName":"a.example.com","recordType":"A","labels":{', '"%s":""', "}}"),
    "labels of owners": ("", '{"labels":{"ownedRecord":"%s"}}', ""),
    "names": ("", '{"dnsName":"%s"}', ""),
    "names of records": ("", '{"dnsName":"n%s.example.com","recordType":"A","targets":["192.0.2.1"]}', ""),
    # So long that there are no more of them than may be.
    "names of no zone": ("", '{"dnsName":"n%s.' + LONG + '.example.net","recordType":"A","targets":["192.0.2.1"]}', ""),
    "names of a zone": ("", '{"dnsName":"n%s.' + LONG + '.example.com","recordType":"A","targets":["192.0.2.1"]}', ""),
}


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    with DnsDoor(tmp_path_factory.mktemp("bodies") / "gateway", ZONE) as made:
        assert made.call("GET", "/records").status == 200
        made.memory = made.gateway.status_kib("VmRSS")
        yield made


@pytest.mark.parametrize("call", ["adjust", "apply"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_body_takes_much_more_memory_than_itself(stand, kind, call):
    first, item, last = KINDS[kind]
    path, head, tail = lists(first)[call]
    body = (numbered if "%s" in item else full)(head, item, last + tail)
    assert MOST - 4096 * 2 < len(body) <= MOST
    stand.gateway.reset_peak_memory()
    answer = stand.call("POST", path, body)
    grown = (stand.gateway.status_kib("VmHWM") - stand.memory) / 1024  # nor does it add up
    print(f"\n{kind}, {call}: {answer.status}, {grown:.0f} MiB more")
    assert answer.status in (200, 204, 503), answer
    assert grown < (PLANNED if kind.startswith("names of") else GROWTH), grown
