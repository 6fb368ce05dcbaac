# What pyspf (Debian's python3-spf) says of senders. Reads JSON from standard input: {"zone": {name: [record, ...]}, "cases": [[address, sender, helo], ...]}.
import json
import sys

import spf

given = json.load(sys.stdin)


def look_up(name, kind, tcpfallback=True, timeout=30):
    found = []
    for record in given['zone'].get(name.lower().rstrip('.'), []):
        if record['type'] != kind:
            continue
        value = {
            'TXT': lambda: [record['text'].encode()],
            'MX': lambda: (record['preference'], record['exchange']),
            'PTR': lambda: record['target'],
            'A': lambda: record['address'],
            'AAAA': lambda: record['address'],
        }[kind]()
        found.append(((name, kind), value))
    return found


spf.DNSLookup = look_up
print(json.dumps([spf.check2(i=address, s=sender, h=helo)[0] for address, sender, helo in given['cases']]))
