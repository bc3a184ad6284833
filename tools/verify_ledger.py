#!/usr/bin/env python3
"""A second opinion on a ledger: verifies an evidence bundle, an event with its proof, or a folder of exported tiles.
    verify_ledger.py [--keys FILE] BUNDLE.zip|EVENT.tlog-proof|TILES...

It needs Python 3.9 alone, on Windows also its package tzdata. It was written from docs/evidence-bundle.md,
docs/journal-format.md and the documents that they name, and shares no code with the ledger. Read it downward.
--keys FILE  public keys that you trust and have from elsewhere, one a line (c2sp.org/signed-note). Without it the
             signature is checked with the key that the bundle brings, which is only its own word; a proof brings none.
Exit: 0 verified, 1 not verified, 2 could not, 64 usage. The last line says VERIFIED or NOT VERIFIED.
"""
import base64, calendar, csv, datetime, hashlib, io, itertools, json, os, re, struct, sys, time, zlib, zoneinfo
from decimal import Decimal, ROUND_HALF_EVEN, ROUND_HALF_UP, getcontext
getcontext().prec = 80  # every sum and product here is exact
HALF_NANOJOULES_PER_KWH = 7_200_000_000_000_000  # 1 kWh is 3.6 MJ
faults, left_out = [], []
class Bad(Exception): """What cannot be read, so that nothing after it can be verified."""
class Other(Exception): """What this program does not read, so that it can say neither of it."""
def fault(place, found, expected): faults.append(f"{place}: {found}, expected {expected}")
def same(place, what, found, expected): found == expected or fault(place, f"{what} {found}", expected)
def same_text(name, found, expected):  # only the first line that differs is named
    for i, (line, right) in enumerate(itertools.zip_longest(found.split("\n"), expected.split("\n"))):
        if line != right: return fault(f"{name}, line {i + 1}", line, right)
def whole(text):  # a number from 0 on, of which there is one spelling
    if not re.fullmatch("0|[1-9][0-9]*", text): raise Bad(f"no number: {text!r}")
    return int(text)
def read_json(place, text):
    def once(pairs): return len(dict(pairs)) < len(pairs) and fault(place, "a name twice", "once") or dict(pairs)
    return json.loads(text, object_pairs_hook=once)
# ---- Hashes: RFC 6962 section 2.1, proofs verified as RFC 9162 section 2.1.3.2
def sha256(data): return hashlib.sha256(data).digest()
def leaf_hash(entry): return sha256(b"\0" + entry)
def node_hash(left, right): return sha256(b"\1" + left + right)
def root_of(hashes):  # of leaves: level by level; a hash without a neighbour goes up as it is
    if not hashes: return sha256(b"")
    while len(hashes) > 1:
        pairs = [node_hash(a, b) for a, b in zip(hashes[::2], hashes[1::2])]
        hashes = pairs + hashes[len(pairs) * 2:]
    return hashes[0]
def includes(index, size, leaf, proof, root):
    if index >= size: return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0: return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn: fn, sn = fn >> 1, sn >> 1
        else: r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root
# ---- Signatures: Ed25519, RFC 8032 section 5.1, points in extended coordinates
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
def point_add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P
def point_multiply(number, point):
    product = (0, 1, 1, 0)  # the neutral element
    while number:
        if number & 1: product = point_add(product, point)
        point, number = point_add(point, point), number >> 1
    return product
def point_read(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if len(encoded) != 32 or y >= P: return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P: x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign): return None
    if x & 1 != sign: x = P - x
    return x, y, 1, x * y % P
BASE = point_read((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
def ed25519_verify(public_key, message, signature):
    if len(signature) != 64: return False
    a, r, s = point_read(public_key), point_read(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L: return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    left, right = point_multiply(s, BASE), point_add(r, point_multiply(k, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))
# ---- Notes and checkpoints: c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature
def from_base64(text):  # of which there is one spelling
    data = base64.b64decode(text, validate=True)
    return data if base64.b64encode(data).decode() == text else fault("base64", text, "its one spelling") or data
def read_keys(text):  # {(name, key id): (algorithm, public key)}; 1 is a log's Ed25519, 4 a witness's
    keys = {}
    for line in (line.strip() for line in text.split("\n") if line.strip() and line.strip()[0] != "#"):
        name, key_id, encoded = line.split("+", 2)
        key = base64.b64decode(encoded, validate=True)
        right = sha256(name.encode() + b"\n" + key)[:4]
        if bytes.fromhex(key_id) != right or key[0] not in (1, 4): raise Bad(f"the key {line!r} does not fit its id")
        keys[name, right] = key[0], key[1:]
    return keys
def read_note(note):
    text, mark, signatures = note.rpartition("\n\n")
    if not mark or signatures[-1:] != "\n" or re.search("[\0-\t\v-\x1f]", note): raise Bad("no signed note")
    return text + "\n", signatures[:-1].split("\n")
def signers(note, keys, origin=None, alone=False):  # the log's key, if it signed, and how many witnesses did
    (text, lines), log, own, witnesses = read_note(note), None, set(), set()
    for line in lines:
        dash, name, encoded = line.split(" ")
        if dash != "\u2014": raise Bad(f"no signature line: {line!r}")
        signature = from_base64(encoded)
        algorithm, key = keys.get((name, signature[:4]), (0, b""))
        if algorithm == 1 and name == (origin or text.split("\n")[0]):
            holds = ed25519_verify(key, text.encode(), signature[4:])
            log = f"{name}+{signature[:4].hex()}"
            own.add(key)
        elif algorithm == 4:
            seconds = int.from_bytes(signature[4:12], "big")
            holds = ed25519_verify(key, f"cosignature/v1\ntime {seconds}\n{text}".encode(), signature[12:])
            witnesses.add(key)  # two names of one key are one voice
        elif alone: raise Bad(f"a signature of {name}, whose key is not among yours: it may be a damaged one")
        else: continue
        if not holds: raise Bad(f"the signature of {name} does not hold")
    return log, len(witnesses - own)  # nobody is his own witness
def follow(trusted, files):  # whoever a trusted key has handed over to is trusted too
    for i in range(sum(name.startswith("handovers/") for name in files)):
        note = files[f"handovers/{i + 2}"].decode()
        head, vkey, _ = read_note(note)[0].split("\n")
        [((name, _), (algorithm, _))] = read_keys(vkey).items()
        if head != "the ledger signs from now on with" or algorithm != 1: raise Bad("no note of handover")
        if trusted is not None and signers(note, trusted, name)[0]: trusted = {**trusted, **read_keys(vkey)}
    return trusted
def verify_checkpoint(note, own, trusted, alone=False):  # size, root, and what the last line says of them
    text, lines = read_note(note)
    origin, size, root, *more = text.split("\n")[:-1]
    if "" in (origin, *more) or len(root := from_base64(root)) != 32: raise Bad("no checkpoint")
    named = [line.split(" ")[1] + "+" + base64.b64decode(line.split(" ")[2])[:4].hex() for line in lines]
    if alone and len({*named}) < len(named): raise Bad("two signatures of one key")
    if own is not None and signers(note, own)[0] is None: fault("keys", "no key that signed", f"the key of {origin}")
    log, witnesses = signers(note, trusted, None, alone) if trusted is not None else (None, 0)
    named = ", ".join(named)
    unknown = f"whose key is {named}" if own else f"the signature of {named}"
    if trusted is None: left_out.append(f"{unknown}: name the keys that you trust with --keys FILE")
    elif log is None: fault("checkpoint", f"signed by {named}", f"a key of {origin} that you trust")
    if not witnesses: left_out.append("whether this key signed another history: no witness vouches for the checkpoint")
    return whole(size), root, f"checkpoint={size} digest={root.hex()} key={log or 'not-checked'} witnesses={witnesses}"
# ---- The zip: stored, in order of names, 1980-01-01, nothing optional (docs/evidence-bundle.md)
def write_zip(files):
    local, central, at = [], [], 0
    for name, content in sorted((name.encode("ascii"), content) for name, content in files.items()):
        sizes = len(content), len(content), len(name)
        fields = struct.pack("<5H3I2H", 10, 0, 0, 0, 0x21, zlib.crc32(content), *sizes, 0)
        central.append(b"PK\1\2" + struct.pack("<H", 10) + fields + struct.pack("<3H2I", 0, 0, 0, 0, at) + name)
        local.append(b"PK\3\4" + fields + name + content)
        at += len(local[-1])
    directory, count = b"".join(central), len(files)
    return b"".join(local) + directory + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, count, count, len(directory), at, 0)
def read_zip(data):
    files, at = {}, 0
    while data[at:at + 4] == b"PK\3\4":
        size, = struct.unpack_from("<I", data, at + 18)
        name_size, = struct.unpack_from("<H", data, at + 26)
        name, at = data[at + 30:at + 30 + name_size].decode("ascii"), at + 30 + name_size
        if name in files or at + size > len(data): raise Bad(f"{name} is there twice or longer than the zip")
        files[name], at = data[at:at + size], at + size
    right = write_zip(files)
    at = len(os.path.commonprefix([right, data]))
    if right != data: fault(f"zip, byte {at}", "another or none", "that of the one zip of its files")
    return files
# ---- One event: docs/journal-format.md
class Reader:
    def __init__(self, data): self.data, self.at = data, 0
    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values
    def text(self): return self.take(f"{self.take('H')}s").decode()
def read_header(header):
    r, event = Reader(header), {}
    if r.take("B") != 1: raise Bad("unknown version of a header")
    event["ledger"], event["stream"], (event["revision"], _) = r.text(), r.text(), r.take("Q16s")  # and the id
    event["name"], _ = r.text(), r.take("H")  # and its version
    event["from"], _, event["recorded"] = r.take("3q")  # from when on the fact holds, until when, when it was recorded
    r.text(), r.text()  # actor, tenant
    if r.take("B"): r.take("16s")  # causation
    for _ in range(r.take("H")): r.text(), r.text(), r.take(f"{r.take('H')}s")  # sealed fields
    _, event["bytes"] = r.text(), r.take("I")  # after the content type
    if r.at != len(header): raise Bad("a header with more behind it")
    return event
def read_interval_record(payload):
    r, record = Reader(payload), {}
    if r.take("B") not in (1, 2): raise Bad("unknown layout of an interval record")
    record["point"], record["span"] = r.text(), r.take("2q")
    record["version"], state, imported, exported = r.take("iB16s16s")
    record["Import"], record["Export"] = (int.from_bytes(e, "big", signed=True) for e in (imported, exported))
    record["covered"] = r.take("4q4iq")[2]
    record["quality"], record["evidence"], record["stands"] = r.take("B"), r.take("32s").hex(), state != 3
    return record
def read_proof(name, content, size, root, note):  # and the event that it discloses: c2sp.org/tlog-proof, as extra
    head, _, checkpoint = content.decode().partition("\n\n")
    lines = head.split("\n")
    if (lines[0], lines[1][:6], lines[2][:6]) != ("c2sp.org/tlog-proof@v1", "extra ", "index "): raise Bad("no proof")
    same(name, "checkpoint", checkpoint, note)
    same(name, "index", lines[2][6:], name[len("events/"):-len(".tlog-proof")])
    r = Reader(from_base64(lines[1][6:]))
    layout, salt, length = r.take("B32sI")
    header = r.take(f"{length}s")
    payload, event = r.data[r.at:], read_header(header)
    if layout != 1 or event["bytes"] != len(payload): raise Bad("no disclosed event")
    event["position"], path = whole(lines[2][6:]), [from_base64(line) for line in lines[3:]]
    leaf = leaf_hash(sha256(salt + header + sha256(payload)))
    if not includes(event["position"], size, leaf, path, root): fault(name, "an event", "the one in the signed log")
    event["fact"] = read_interval_record(payload) if event["name"] == "interval-recorded" else read_json(name, payload)
    if event["name"] == "interval-reading-recorded":
        event["fact"]["span"] = [ticks(event["fact"]["period"][edge][:19] + "Z") for edge in ("from", "to")]
    return event
def verify_event(data, trusted):
    if trusted is None: raise Other("one event with its proof, which brings no key: name yours with --keys FILE")
    head, _, note = data.decode().partition("\n\n")
    size, root, closing = verify_checkpoint(note, None, trusted, alone=True)
    event = read_proof("events/" + head.split("\n")[2][6:] + ".tlog-proof", data, size, root, note)
    return f"events=1 position={event['position']} fact={event['name']} {closing}"
# ---- The bundle: docs/evidence-bundle.md
SINGLE = ["README.txt", "SHA256SUMS", "checkpoint", "keys", "statement.csv", "statement.json", "statement.lines"]
def verify_manifest(files):
    manifest = read_json("manifest.json", files["manifest.json"])
    if manifest["format"] == "ledger-lines/1": raise Other("lines of runs: ask 'ledger verify'")
    found = {name: (len(c), sha256(c).hex()) for name, c in sorted(files.items()) if name != "manifest.json"}
    for name in sorted({*SINGLE} ^ {name for name in found if not re.match("(events|evidence|handovers)/", name)}):
        fault(name, f"there: {name in found}", f"{name in SINGLE}")
    right = {"format": "ledger-bundle/1", "ledger": manifest["ledger"], "run": manifest["run"], "files": [
        {"path": name, "bytes": size, "sha256": digest} for name, (size, digest) in found.items()]}
    same_text("manifest.json", files["manifest.json"].decode(), json.dumps(right, indent=2) + "\n")
    return manifest
def verify_order(events, ledger):  # streams are whole, but for those of run, erasures and places; time does not fall
    revisions, recorded = {}, None
    for event in events:
        place, stream = f"events/{event['position']}.tlog-proof", event["stream"]
        same(place, "ledger", event["ledger"], ledger)
        if event["name"] not in ("settlement-run-completed", "subject-erased", "point-placed"):
            same(place, f"revision of {stream}", event["revision"], revisions.get(stream, 0))
        if recorded and event["recorded"] < recorded: fault(place, "an earlier time", "time that does not fall")
        revisions[stream], recorded = event["revision"] + 1, event["recorded"]
def verify_evidence(files, events):
    named, erased = set(), {}
    for event in (event for event in events if event["fact"].get("evidence")):
        named.add(event["fact"]["evidence"])
        head, _, listed = files.get("evidence/" + event["fact"]["evidence"], b"").partition(b"\n")
        listed = listed.decode().splitlines() if head[:-1] == b"ledger-evidence-manifest/" else []
        if event["name"] != "subject-erased": named.update(line.split()[0] for line in listed)  # a point may follow
        else: erased[event["position"]] = set(listed)  # these can be missing, because the log says so
    there = {name[len("evidence/"):] for name in files if name.startswith("evidence/")}
    gone = (named - there) & set().union(*erased.values())
    for d in sorted((named ^ there) - gone): fault(f"evidence/{d}", f"there: {d in there}", f"{d in named}")
    for at in (at for at in erased if not erased[at] & gone):
        fault(f"events/{at}.tlog-proof", "an erasure of nothing", "one of what is missing")
    left_out.extend(f"ERASED evidence {digest} and what comes from it" for digest in sorted(gone))
    for digest in there: same("evidence/" + digest, "SHA-256", sha256(files["evidence/" + digest]).hex(), digest)
    return len(there)
def verify_bundle(path, trusted):
    with open(path, "rb") as file: data = file.read()
    if data.startswith(b"c2sp.org/tlog-proof@"): return verify_event(data, trusted)
    files = read_zip(data)
    manifest = verify_manifest(files)
    note = files["checkpoint"].decode()
    trusted = follow(trusted, files)
    size, root, closing = verify_checkpoint(note, read_keys(files["keys"].decode()), trusted)
    events = sorted((read_proof(name, content, size, root, note) for name, content in files.items()
                     if name.startswith("events/")), key=lambda event: event["position"])
    verify_order(events, manifest["ledger"])
    evidence = verify_evidence(files, events)
    verify_statement(files, events, manifest["run"])
    left_out.append("README.txt: nothing vouches for it; interval records against their raw evidence")
    left_out.append("whether the ledger has other facts that count: ask for all of it")
    return f"events={len(events)} evidence={evidence} statements=1 {closing}"
# ---- The statement: its lines, and what of them and of the run follows from the events
LINE = ("number point direction start end tariffPeriod metered billedKwh pricePerKwh amountExact amount source quality"
        " problem").split()  # by the names of statement.json; what begins with - is not there
CHARGE = "line point part of unit quantity price amountExact amount name basis rule - problem".split()
FLEXIBLE = "- line instruction programme paid start -end kind kwh amount -currency payer payee source problem".split()
CSV = LINE[:6] + ["meteredKwh"] + LINE[7:11] + ["quality", "source", "problem"]
QUALITY = " MeasuredSigned Measured Estimated Substituted Suspect Missing".split(" ")
def named(events, name): return [event for event in events if event["name"] == name]
def exact(value): return None if value is None else f"{value.normalize() + 0:f}"  # every digit, no zeros at the end
def sum_of(rows): return sum((Decimal(row["amount"]) for row in rows if row["amount"]), Decimal(0))
def by_direction(lines): return [sum_of(l for l in lines if l["direction"] == way) for way in ("Import", "Export")]
def place_of(row): return f"statement.lines, line {row.get('number') or row['line']}"
def series_of(of):  # a line, or a fact of a register
    if "register" not in of: return of["point"], of["direction"]
    return of["register"][:-len("/1.8.0")], "Import" if of["register"].endswith("/1.8.0") else "Export"
def ticks(text): return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) * 10_000_000
def span_of(line): return ticks(line["start"]), ticks(line["end"])
def overlap(one, other): return one[0] < other[1] and other[0] < one[1]
def midnight(zone, day, days=0):  # of the day or of a later one; of two midnights the earlier one
    day = datetime.date.fromisoformat(day) + datetime.timedelta(days)
    return int(datetime.datetime.combine(day, datetime.time(), zoneinfo.ZoneInfo(zone)).timestamp()) * 10_000_000
def read_lines(texts):  # of energy, then charges, then flexibility: cells by their names, None where one says -
    kinds = [], [], []
    for i, text in enumerate(texts):
        cells = text.split("|")
        kind = 2 if cells[0] == "flexibility" else 1 if cells[2].startswith("Charge") else 0
        if kind == 0: cells[11:-2] = ["|".join(cells[11:-2])]  # a source may hold a bar
        names, right = (LINE, CHARGE, FLEXIBLE)[kind], str(i + 1)
        if len(cells) != len(names) or cells[kind == 2] != right or any(kinds[kind + 1:]): raise Bad(f"no line {text}")
        kinds[kind].append({name: None if cell == "-" else cell for name, cell in zip(names, cells)})
    return kinds
def verify_statement(files, events, run_name):
    runs = named(events, "settlement-run-completed")
    if [event["fact"]["run"] for event in runs] != [run_name]: raise Bad(f"not the one run {run_name}")
    run, place = runs[0]["fact"], f"events/{runs[0]['position']}.tlog-proof"
    verify_run(place, runs[0], events)
    *texts, rest = files["statement.lines"].decode().split("\n")
    same("statement.lines", "after the last line", rest, "")
    same(place, "lines", len(texts), run["lines"])
    same(place, "lines' root", root_of([leaf_hash(text.encode()) for text in texts]).hex(), run["linesRoot"])
    lines, charges, flexibility = read_lines(texts)
    day = midnight(run["zone"], run["day"]), midnight(run["zone"], run["day"], 1)
    assigned, tariff = verify_tariff(place, events, run, day[0])
    zones = {(e["fact"]["point"], e["fact"]["zone"]) for e in named(events, "settlement-point-registered")}
    moved = {p for p, of in itertools.groupby(sorted(zones), lambda zone: zone[0]) if len([*of]) > 1}
    verify_points(place, lines, run, events, day, moved, tariff)
    read = {series_of(e["fact"]) for e in events if "register" in e["fact"] and e["name"] != "register-installed"}
    verify_lines(lines, tariff, newest_records(run, events), moved, read)
    residual = verify_rounding(lines + charges, tariff)
    verify_sums(place, lines, charges, flexibility, run, assigned.get("seller"))
    verify_files(files, lines, charges, flexibility, run, runs[0]["position"], residual)
def verify_run(place, event, events):  # as far as it can be seen without the runs before it
    run, known = event["fact"], whole(event["fact"]["atPosition"])
    same(place, "stream", event["stream"], f"settlement/{run['account']}/{run['day']}")
    if run["kind"] not in ("Initial", "Interim", "Final", "Correction"): fault(place, f"kind {run['kind']}", "a kind")
    if run["kind"] == "Final": same(place, "a final run that is incomplete:", run["incomplete"], False)
    if event["revision"] == 0: same(place, "the first run of its day, in place of", run["supersedes"], None)
    if not re.fullmatch("statement-([1-9]|1[01])/half-away-with-carry", run["ruleVersion"]):
        fault(place, f"the rules {run['ruleVersion']}", "statement-1 to statement-11, half-away-with-carry")
    latest = max(e["position"] for e in events if e["name"] != "subject-erased" and e is not event)
    if not latest < known <= event["position"]:
        fault(place, f"a run of the facts before {known}", f"one after {latest}, its last fact, and not after the run")
    left_out.append(f"whether {run['ruleVersion']} and {run['tzdbVersion']} were its rules; and the runs before it")
def verify_tariff(place, events, run, start):  # the account's when the day begins, in the version of then
    key, found = run["account"], []
    for name, member in ("tariff-assigned", "account"), ("tariff-published", "tariff"):
        held = [e for e in named(events, name) if e["fact"][member] == key and e["from"] <= start]
        if not held: raise Bad(f"no {name} of {key} before the day")
        found.append(max(held, key=lambda e: (e["from"], e["position"]))["fact"])
        key = found[0]["tariff"]
    same(place, "tariff", [run[name] for name in ("tariff", "tariffVersion", "currency")],
         [found[1][name] for name in ("tariff", "version", "currency")])
    return found
def registrations(events, day):  # when it begins; a sale ends what the former owner had registered for later
    standing = {}
    for e in named(events, "settlement-point-registered"):
        point, owner, at, of = e["fact"]["point"], e["fact"]["owner"], e["from"], standing.get(e["fact"]["point"], {})
        former = of.get(max((f for f in of if f <= at), default=0), e["fact"])["owner"]
        standing[point] = {f: r for f, r in of.items() if f <= at or former == owner or r["owner"] != former}
        standing[point][at] = e["fact"]
    begun = {p: [f for f, r in of.items() if f <= midnight(r["zone"], day)] for p, of in standing.items()}
    return {p: standing[p][max(held)] for p, held in begun.items() if held}
def verify_points(place, lines, run, events, day, moved, tariff):  # all of its day are here, but one behind another
    own = {p: r for p, r in sorted(registrations(events, run["day"]).items()) if r["owner"] == run["account"]}
    if own: same(place, "zone", run["zone"], [*own.values()][0]["zone"])
    shown, placed, exports = {line["point"] for line in lines}, named(events, "point-placed"), exporting(events, day)
    connected, right = {r["station"] for r in own.values() if r["kind"] == "GridConnection"}, []
    for p, r in own.items():
        behind = p not in shown if placed else r["station"] in connected and r["kind"] != "GridConnection"
        if r["zone"] == run["zone"] and not behind and (day[1] - day[0]) % (r["periodMinutes"] * 600_000_000) == 0:
            right += [(p, "Import")] + [(p, "Export")] * (r["bidirectional"] or p in exports)
    same(place, "points and directions", [of for of, _ in itertools.groupby(lines, series_of)], right)
    if placed: left_out.append(f"whether these lie behind others: {', '.join(p for p in own if p not in shown)}")
    for (p, _), series in itertools.groupby(lines, series_of):
        if p in own: verify_times(series, day, own[p]["periodMinutes"] * 600_000_000, p in moved, tariff)
def exporting(events, day):  # the points of which a fact says that they can, or did on the day
    records, readings = ([e["fact"] for e in named(events, name) if overlap(e["fact"]["span"], day)]
                         for name in ("interval-recorded", "interval-reading-recorded"))
    installed = [e["fact"] for e in named(events, "register-installed") if e["from"] < day[1]]
    series = [series_of(fact) for fact in readings + installed]
    return {point for point, way in series if way == "Export"} | {r["point"] for r in records if r["Export"] > 0}
def verify_times(series, day, length, moved, tariff):  # one after another through the day, each within one period
    ended = day[0]
    for line in series:
        start, end = span_of(line)
        if start != ended: fault(place_of(line), f"start {line['start']}", "that of the day, or the end before it")
        if (start - day[0]) // length != (end - 1 - day[0]) // length:
            fault(place_of(line), f"end {line['end']}", "one within the period in which it begins")
        elif (end - day[0]) % length and not moved and not is_edge(tariff, end // 10_000_000):
            fault(place_of(line), f"end {line['end']}", "that of its period, or where its price changes")
        if end - start < length and line["metered"] is None and not moved:
            fault(place_of(line), "a part of a period without its energy", "the period as a whole")
        ended = end
    if ended != day[1] and not moved: fault(place_of(line), f"end {line['end']}", "the end of the day")
def newest_records(run, events):  # of each point, the newest version of each interval record of the day
    newest = {}
    for e in sorted(named(events, "interval-recorded"), key=lambda e: e["fact"]["version"]):
        place = f"events/{e['position']}.tlog-proof"
        if not e["fact"]["stands"]: fault(place, "a record that says that it was superseded", "provisional or final")
        if e["stream"] != f"curve/{e['fact']['point']}/{run['day']}": continue
        of, span = newest.setdefault(e["fact"]["point"], {}), e["fact"]["span"]
        if any(overlap(span, known) for known in of if known != span): fault(place, "a period", "one without overlap")
        of[span] = {**e["fact"], "position": e["position"]}
    return newest
def by_records(line, records):  # of its time: none where one reaches beyond it or two overlap
    start, end = span_of(line)
    inside = [r for span, r in sorted(records.items()) if r["stands"] and overlap(span, (start, end))]
    edges = [start, *(edge for r in inside for edge in r["span"]), end]
    if not inside or edges != sorted(edges): return {"metered": None, "source": "missing", "quality": "Missing"}
    source = "interval record" + "s" * (len(inside) > 1) + " "
    source += ", ".join(f"{r['position']} v{r['version']}" for r in inside)
    known = [r for r in inside if QUALITY[r["quality"]] != "Missing"]
    covered, quality = sum(r["covered"] for r in known), QUALITY[max((r["quality"] for r in known), default=6)]
    if not covered: return {"metered": None, "source": source + ", missing", "quality": "Missing"}
    lacks = Decimal((end - start) // 10 - covered) / 1_000_000
    source += f", {exact(lacks)} s not covered" * (lacks != 0) + ", suspect" * (quality == "Suspect")
    return {"metered": str(sum(r[line["direction"]] for r in known)), "source": source, "quality": quality}
def by_tariff(line, tariff):  # the period of its beginning, and its price; a line that is of two has no amount
    start, end = (at // 10_000_000 for at in span_of(line))
    period, *later = (tariff_period(tariff, at) for at in [*range(start, end, 60), end - 1])
    price = [price[line["direction"].lower() + "PerKwh"] for price in tariff["prices"] if price["period"] == period]
    problem = "energy missing" if line["metered"] is None else \
        "tariff edge inside the period" if {*later} != {period} else None if price else "price missing"
    return {"tariffPeriod": period, "pricePerKwh": price[0] if price else None, "problem": problem}
def is_edge(tariff, at): return tariff.get("terms") or tariff_period(tariff, at) != tariff_period(tariff, at - 1)
def tariff_period(tariff, seconds):
    at = datetime.datetime.fromtimestamp(seconds, zoneinfo.ZoneInfo(tariff["zone"]))
    day = "Holiday" if at.date().isoformat() in tariff["holidays"] else "Weekend" if at.weekday() > 4 else "Weekday"
    clock = at.time().isoformat()
    return next((rule["period"] for rule in tariff["rules"] if at.month in rule["months"] and day in rule["days"]
                 and rule["from"] <= clock and (rule["to"] is None or clock < rule["to"])), None)
def verify_lines(lines, tariff, records, moved, read):  # energy half up, its rest carried on in point and direction
    quantum = HALF_NANOJOULES_PER_KWH // 10 ** tariff["energyDecimals"]
    carried, series, others = 0, None, 0
    for line in lines:
        right, billed = {} if tariff.get("terms") else by_tariff(line, tariff), None
        by_record = line["metered"] is None or re.match(r"interval records? \d", line["source"])
        if line["point"] in moved or series_of(line) in read and not by_record: others += 1
        else: right.update(by_records(line, records.get(line["point"], {})))
        if series != series_of(line): series, carried = series_of(line), 0
        if line["metered"] is not None:
            due = int(line["metered"]) + carried
            steps = (2 * due + quantum) // (2 * quantum)
            carried, billed = due - steps * quantum, Decimal(steps).scaleb(-tariff["energyDecimals"])
        sign = 1 if line["direction"] == "Import" else -1
        amount = None if line["problem"] else sign * billed * Decimal(line["pricePerKwh"])
        right.update(billedKwh=exact(billed), amountExact=exact(amount))
        for name, cell in right.items(): same(place_of(line), name, line[name], cell)
    if tariff.get("terms"): left_out.append("tariff periods, prices and problems of lines")
    left_out.append(f"the energy of {others} lines, by readings or where a zone changed; and whether readings say more")
def verify_rounding(rows, tariff):  # to the tariff's decimals; the rest is carried on, the last one given back
    owed, cent = Decimal(0), Decimal(1).scaleb(-tariff["moneyDecimals"])
    for row in (row for row in rows if row["amountExact"] or row["amount"]):
        due = Decimal(row["amountExact"]) + owed
        amount = due.quantize(cent, ROUND_HALF_UP)  # away from zero
        owed = due - amount
        same(place_of(row), "amount", row["amount"], exact(amount))
    return owed
def verify_sums(place, lines, charges, flexibility, run, seller):  # total, postings, and whether anything is missing
    account, of, (imported, exported) = run["account"], f"{seller}/" if seller else "", by_direction(lines)
    right = [(f"receivable/{account}", imported), (f"revenue/{of}energy-import", -imported),
             (f"payable/{account}", exported), (f"cost/{of}energy-export", -exported)]
    due, tax = sum_of(charges), sum_of(charge for charge in charges if charge["part"] == "ChargeTax")
    if charges: right += [(f"receivable/{account}/charges", due), (f"revenue/{of}charges", tax - due),
                          (f"liability/{of}tax", -tax)]
    for payer, payee in sorted({(line["payer"], line["payee"]) for line in flexibility if line["amount"]}):
        paid = sum_of(line for line in flexibility if (line["payer"], line["payee"]) == (payer, payee))
        right += [(f"flexibility/{payee}", paid), (f"flexibility/{payer}", -paid)]
    rows = lines + charges + flexibility
    same(place, "postings", [(p["account"], p["amount"]) for p in run["postings"]], [(a, exact(x)) for a, x in right])
    same(place, "total", run["total"], exact(sum_of(rows)))
    same(place, "incomplete", run["incomplete"], not lines + flexibility or any(row["problem"] for row in rows))
    same(place, "paid to others", {line["payee"] for line in flexibility} - {account}, set())
    if charges or flexibility: left_out.append("how charges and flexibility follow")
def verify_files(files, lines, charges, flexibility, run, position, residual):  # say what lines and run say, no more
    imported, exported = (exact(total) for total in by_direction(lines))
    page = {**run, "kind": small(run["kind"]), "recordedPosition": str(position), "importTotal": imported,
            "exportTotal": exported, "residual": exact(residual), "lines": [shown(line) for line in lines]}
    if charges: page["charges"] = [shown(charge) for charge in charges]
    if flexibility: page["flexibility"] = [shown(line) for line in flexibility]
    table, said = io.StringIO(newline=""), read_json("statement.json", files["statement.json"])
    csv.writer(table).writerows([CSV] + [[line[name] for name in CSV] for line in page["lines"]])
    same_text("statement.csv", files["statement.csv"].decode(), table.getvalue())
    same_text("statement.json, by names", *(json.dumps(of, indent=2, sort_keys=True) for of in (said, page)))
def small(word): return word and word[:1].lower() + word[1:]
def shown(row):  # by the names and words that the statement's files have for it
    row = {name: cell for name, cell in row.items() if name[0] != "-"}
    for name in {"direction", "tariffPeriod", "quality", "kind"} & {*row}: row[name] = small(row[name])
    for name in {"number", "line"} & {*row}: row[name] = int(row[name])
    if "part" in row: row["part"] = small(row["part"][len("Charge"):])
    if metered := row.pop("metered", ""):
        kwh = (Decimal(metered) / HALF_NANOJOULES_PER_KWH).quantize(Decimal(1).scaleb(-12), ROUND_HALF_EVEN)
    return row if metered == "" else {**row, "meteredKwh": metered and f"{kwh:f}"}
# ---- Tiles: c2sp.org/tlog-tiles
def read_tile(folder, level, first, end):  # tile/LEVEL/x001/x234/067, and .p/WIDTH where it is not full
    digits, width = str(first // 256), min(256, end - first)
    groups = re.findall("...", digits.zfill(-(-len(digits) // 3) * 3))
    name = "/".join(["x" + group for group in groups[:-1]] + groups[-1:]) + ("" if width == 256 else f".p/{width}")
    with open(os.path.join(folder, "tile", str(level), *name.split("/")), "rb") as file: return file.read()
def verify_tiles(folder, trusted):
    with open(os.path.join(folder, "checkpoint"), encoding="utf-8", newline="") as file: note = file.read()
    size, root, closing = verify_checkpoint(note, None, trusted)
    leaves, tiles, level = [], 0, 0
    for first in range(0, size, 256):
        r, tiles = Reader(read_tile(folder, "entries", first, size)), tiles + 1
        while r.at < len(r.data): leaves.append(leaf_hash(r.take(f"{r.take('H')}s")))
    same("tile/entries", "root and size", (root_of(leaves).hex(), len(leaves)), (root.hex(), size))
    hashes = leaves
    while hashes:
        for first in range(0, len(hashes), 256):
            found, tiles = read_tile(folder, level, first, len(hashes)), tiles + 1
            same(f"tile/{level}, from {first}", "hashes", found.hex(), b"".join(hashes[first:first + 256]).hex())
        level, hashes = level + 1, [root_of(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
    return f"leaves={size} tiles={tiles} {closing}"
# ---- What it comes to
def verify(path, trusted):
    faults.clear(), left_out.clear()
    try:
        result = verify_tiles(path, trusted) if os.path.isdir(path) else verify_bundle(path, trusted)
    except (Other, zoneinfo.ZoneInfoNotFoundError) as other:  # but where what was read of it is wrong
        if not faults: return print(f"verify_ledger: {path}: {other}", file=sys.stderr) or 2
    except Exception as wrong:  # whatever cannot be read is not verified
        fault(path, f"{type(wrong).__name__}: {wrong}", "something that can be read")
        left_out.append("what comes after it")
    for line in faults + [f"NOT CHECKED: {line}" for line in left_out]: print(line)
    print(f"NOT VERIFIED faults={len(faults)} {path}" if faults else f"VERIFIED {result}")
    return 1 if faults else 0
def main(arguments):
    trusted = None
    try:
        if arguments[:1] == ["--keys"] and len(arguments) > 1:
            with open(arguments[1], encoding="utf-8") as file: trusted = read_keys(file.read())
            arguments = arguments[2:]
        if not arguments or any(argument.startswith("--") for argument in arguments):
            return print(__doc__, file=sys.stderr) or 64
        for path in arguments: os.stat(path)
    except (OSError, ValueError, Bad) as wrong:
        return print(f"verify_ledger: {wrong}", file=sys.stderr) or 2
    return max([verify(path, trusted) for path in arguments])
if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
