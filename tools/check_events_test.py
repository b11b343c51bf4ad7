# SPDX-License-Identifier: Apache-2.0
import check_events


def test_types_are_found_wherever_an_event_is_made():
    source = '''
    record(audit::Event(clock.wall(), "gateway.started").add("mode", "store.file"));
    audit::Event event(now, is_up ? "upstream.endpoint_back" : "upstream.endpoint_out");
    constexpr std::string_view kRotated = "audit.key_rotated";
    return Event(time, kRotated).add("from", key(")", x));
    line.literal(R"(","type":"call.started")");
    Refusals refusals{"calls.refused"};
    mark("outbox.gap", "taken out", 7);
    {"audit.window", kAtStart},
    '''
    assert check_events.types_in(source) == {
        "gateway.started", "upstream.endpoint_back", "upstream.endpoint_out", "audit.key_rotated", "call.started",
        "calls.refused", "outbox.gap"}


def test_the_tree_is_as_it_is_described():
    root = check_events.Path(__file__).resolve().parent.parent
    assert not list(check_events.complaints(root))


def test_what_is_left_out_on_either_side_is_named(tmp_path):
    def put(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    put("src/a.cc", 'Event(now, "a.written"); Event(now, "a.both");')
    put("src/policy/kind.cc", 'return "grant";')
    put("src/registry/plan.cc", 'write.event = "made";')
    put("docs/formats/audit_events.md", "| `a.both` | |\n| `a.listed` | |\n| `grant.made` | |\n")
    put("docs/formats/audit_events.schema.json", '''{"properties": {"type": {"enum": ["a.both", "a.described", "grant.made"]}},
        "$defs": {"x": {"properties": {"type": {"const": "a.both"}}}, "y": {"properties": {"type": {"const": "grant.made"}}},
                  "z": {"type": "string"}}}''')
    found = "\n".join(check_events.complaints(tmp_path))
    assert "a.written is written, and does not stand in" in found
    assert "a.described stands in docs/formats/audit_events.schema.json, and is written nowhere" in found
    assert "a.described stands in the list of types or in $defs" in found
    assert "a.listed stands in" in found
    assert "a.both" not in found and "grant.made" not in found
