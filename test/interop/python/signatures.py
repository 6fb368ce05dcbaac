# Verifies DKIM signatures and ARC seals with dkimpy. Reads JSON from standard input: {"message": base64, "records": {name: text}}.
import base64
import json
import sys

import dkim

given = json.load(sys.stdin)
message = base64.b64decode(given['message'])


def look_up(name, timeout=5):
    return given['records'].get(name.decode().rstrip('.'), '').encode() or None


count = sum(1 for line in message.split(b'\r\n') if line.lower().startswith(b'dkim-signature:'))


def good(i):
    try:
        return bool(dkim.DKIM(message).verify(idx=i, dnsfunc=look_up))
    except dkim.ValidationError:
        return False


results = [good(i) for i in range(count)]
chain, _, why = dkim.ARC(message).verify(dnsfunc=look_up)
print(json.dumps({'dkim': results, 'arc': (chain.decode() if isinstance(chain, bytes) else chain), 'why': str(why)}))
