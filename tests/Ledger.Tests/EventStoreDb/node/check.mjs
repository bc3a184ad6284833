// What the official client for Node.js sees of a server, as lines that are the same for every server that speaks the
// protocol. Usage: node check.mjs CONNECTION_STRING PREFIX; stream names and event types begin with the prefix.
import { createHash } from "node:crypto";
import {
  ANY, BACKWARDS, END, EventStoreDBClient, FORWARDS, NO_STREAM, START, STREAM_EXISTS, eventTypeFilter, jsonEvent,
  binaryEvent, streamNameFilter,
} from "@eventstore/db-client";

const [connectionString, prefix] = process.argv.slice(2);
const client = EventStoreDBClient.connectionString(connectionString);
const say = (text) => console.log(text.replaceAll(prefix, "").replaceAll(run, "RUN"));
// A server remembers ids of late; those of another run must not be among them.
const run = createHash("sha256").update(prefix).digest("hex").slice(0, 8);
const id = (number) => `${run}-0000-4000-8000-${String(number).padStart(12, "0")}`;
const type = (name) => `${prefix}${name}`;
const event = (number, name = "t") => jsonEvent({ id: id(number), type: type(name), data: { number }, metadata: { of: number } });

/** One append: what came of it, in words. */
const append = async (stream, expected, ...numbers) => {
  const said = `append ${stream} expecting ${expected}: [${numbers}] -> `;
  try {
    const result = await client.appendToStream(prefix + stream, numbers.map((number) => event(number)), { expectedRevision: expected });
    say(`${said}${result.success} ${result.nextExpectedRevision}`);
    return result;
  } catch (e) {
    say(`${said}${e.constructor.name} actual ${e.actualVersion ?? e.actualRevision} expected ${e.expectedVersion ?? e.expectedRevision}`);
  }
};

const same = (first, second) => first.position.commit === second.position.commit;
const numbers = async (events) => {
  const all = [];
  for await (const { event } of events) all.push(`${event.revision}:${event.data?.number ?? "?"}`);
  return all.join(" ");
};

const revisions = async () => {
  await append("a", STREAM_EXISTS, 1);
  await append("a", 0n, 1);
  const first = await append("a", NO_STREAM, 1, 2);
  await append("a", NO_STREAM, 3);
  await append("a", 0n, 3);
  await append("a", 1n, 3);
  await append("a", 7n, 4);
  await append("a", STREAM_EXISTS, 4);
  await append("a", ANY, 5);
  say(`the same again is at the same place: ${same(first, await append("a", NO_STREAM, 1, 2))}`);
  await append("a", NO_STREAM, 1);
  await append("a", 0n, 2, 3);
  await append("a", 0n, 2, 9);
  await append("a", ANY, 5);
  await append("a", ANY, 4, 5);
  await append("a", ANY, 5, 9);
  await append("a", 4n, 5);
  const many = await Promise.allSettled(Array.from({ length: 20 }, (_, i) =>
    client.appendToStream(prefix + "race", [event(100 + i)], { expectedRevision: NO_STREAM })));
  say(`of 20 that expect no stream, recorded: ${many.filter(({ status }) => status === "fulfilled").length}`);
  const single = await client.appendToStream(prefix + "single", [event(60)],
    { expectedRevision: NO_STREAM, credentials: { username: "admin", password: "changeit" } });
  say(`with credentials of its own: ${single.success} ${single.nextExpectedRevision}`);
};

const reads = async () => {
  const read = async (options) => say(`read ${JSON.stringify(options, (_, value) => typeof value === "bigint" ? `${value}` : value)}: ` +
    await numbers(client.readStream(prefix + "a", options)));
  await read({ direction: FORWARDS, fromRevision: START });
  await read({ direction: FORWARDS, fromRevision: 2n, maxCount: 2 });
  await read({ direction: FORWARDS, fromRevision: 99n });
  await read({ direction: BACKWARDS, fromRevision: END, maxCount: 3 });
  await read({ direction: BACKWARDS, fromRevision: 1n });
  try {
    await numbers(client.readStream(prefix + "nowhere"));
  } catch (e) {
    say(`read nowhere: ${e.constructor.name}`);
  }
  for await (const { event } of client.readStream(prefix + "a", { maxCount: 1 }))
    say(`${event.id} ${event.type} ${event.streamId} json ${event.isJson} ${JSON.stringify(event.data)} ${JSON.stringify(event.metadata)} ` +
      `created ${event.created instanceof Date || typeof event.created === "number"}`);
  await client.appendToStream(prefix + "binary", [binaryEvent({ id: id(70), type: type("b"), data: Buffer.from([0, 255, 1]), metadata: Buffer.from([9]) })]);
  for await (const { event } of client.readStream(prefix + "binary"))
    say(`binary ${event.isJson} ${Buffer.from(event.data).toString("hex")} ${Buffer.from(event.metadata).toString("hex")}`);
};

const all = async () => {
  const followed = (filter, count) => take(client.subscribeToAll({ fromPosition: START, filter }), count);
  say(`all, by stream: ${await followed(streamNameFilter({ prefixes: [`${prefix}a`, `${prefix}s`] }), 7)}`);
  say(`all, by stream and regular expression: ${await followed(streamNameFilter({ regex: `^${prefix}(race|single)$` }), 2)}`);
  say(`all, by type: ${await followed(eventTypeFilter({ prefixes: [`${prefix}t`] }), 8)}`);
  const places = [];
  for await (const { event } of client.readStream(prefix + "a")) places.push(event.position);
  const at = places[3];
  say(`forwards from a place, which is read: ${await numbers(client.readAll({ fromPosition: at, maxCount: 2 }))}`);
  say(`backwards from it, which is not: ${await numbers(client.readAll({ direction: BACKWARDS, fromPosition: at, maxCount: 2 }))}`);
  say(`after it: ${await take(client.subscribeToAll({ fromPosition: at, filter: streamNameFilter({ prefixes: [`${prefix}a`] }) }), 2)}`);
};

/** Takes events of a subscription until enough came. */
const take = (subscription, count) => new Promise((resolve, reject) => {
  const seen = [];
  subscription.on("error", reject);
  subscription.on("data", ({ event }) => {
    seen.push(`${event.revision}:${event.data?.number}`);
    if (seen.length === count) subscription.unsubscribe().then(() => resolve(seen.join(" ")));
  });
});

const subscriptions = async () => {
  await client.appendToStream(prefix + "live", [event(200), event(201), event(202)], { expectedRevision: NO_STREAM });
  const fromStart = take(client.subscribeToStream(prefix + "live", { fromRevision: START }), 6);
  const after = take(client.subscribeToStream(prefix + "live", { fromRevision: 1n }), 4);
  const live = client.subscribeToStream(prefix + "live", { fromRevision: END });
  const fromEnd = take(live, 3);
  await new Promise((resolve) => live.once("confirmation", resolve));
  for (let i = 203; i < 206; i++) await append("live", BigInt(i - 201), i);
  say(`from the start: ${await fromStart}`);
  say(`after revision 1: ${await after}`);
  say(`from the end: ${await fromEnd}`);
};

const filtered = async () => {
  const checkpoints = [];
  const subscription = client.subscribeToAll({
    fromPosition: END,
    filter: streamNameFilter({ prefixes: [`${prefix}wanted`], maxSearchWindow: 10, checkpointInterval: 1,
      checkpointReached: (_, position) => checkpoints.push(position) }),
  });
  const taken = take(subscription, 2);
  await new Promise((resolve) => subscription.once("confirmation", resolve));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = checkpoints.length;
  for (let i = 0; i < 45; i++) await client.appendToStream(prefix + "other", [event(300 + i)]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  say(`checkpoints over 45 events that do not match: ${checkpoints.length - before}`);
  await client.appendToStream(prefix + "wanted", [event(400), event(401)]);
  say(`matching: ${await taken}`);
  const last = checkpoints.at(-1);
  say(`after the last checkpoint: ${await take(client.subscribeToAll({ fromPosition: last, filter: streamNameFilter({ prefixes: [`${prefix}wanted`] }) }), 2)}`);
};

const deletions = async () => {
  await client.appendToStream(prefix + "d", [event(500), event(501)]);
  await client.deleteStream(prefix + "d", { expectedRevision: 1n });
  await numbers(client.readStream(prefix + "d")).catch((e) => say(`read after a deletion: ${e.constructor.name}`));
  await append("d", NO_STREAM, 502);
  say(`numbering goes on: ${await numbers(client.readStream(prefix + "d"))}`);
  await client.tombstoneStream(prefix + "d");
  await numbers(client.readStream(prefix + "d")).catch((e) => say(`read after the deletion for good: ${e.constructor.name}`));
  await client.appendToStream(prefix + "d", [event(503)]).catch((e) => say(`append after it: ${e.constructor.name}`));
  await client.appendToStream(prefix + "big", [jsonEvent({ id: id(600), type: type("t"), data: "x".repeat(1100000) })])
    .catch((e) => say(`too large: ${e.constructor.name} ${e.maxAppendSize}`));
};

for (const part of [revisions, reads, all, subscriptions, filtered, deletions]) {
  say(`# ${part.name}`);
  await part();
}
await client.dispose();
