using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Microsoft.Data.Sqlite;
using NodaTime;

namespace Ledger.Api.Webhooks;

/// <summary>
/// Who is told what, and what became of it: webhooks.db in the data folder, durable before anything is sent. It is no
/// part of the journal, because nothing is settled by it, a secret is none of the journal's, and an attempt is no fact
/// of energy; what was told of others' data is recorded in the journal as what they read is. Secrets lie sealed under a
/// key of the ledger's own secret, because a signature needs them whole.
/// </summary>
internal sealed class WebhookStore : IDisposable
{
    public const string FileName = "webhooks.db";
    private const int NonceBytes = 12, TagBytes = 16; // AES-GCM (NIST SP 800-38D)

    private const string Tables = """
        CREATE TABLE IF NOT EXISTS subscription (
          webhook TEXT PRIMARY KEY, url TEXT NOT NULL, events TEXT NOT NULL, after_seconds INTEGER NOT NULL,
          holder TEXT NOT NULL, role INTEGER, party TEXT NOT NULL, stations TEXT NOT NULL, needs_key INTEGER NOT NULL,
          created INTEGER NOT NULL, failing_since INTEGER, ended TEXT, secret BLOB NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS delivery (
          number INTEGER PRIMARY KEY AUTOINCREMENT, delivery TEXT NOT NULL UNIQUE, webhook TEXT NOT NULL,
          type TEXT NOT NULL, of TEXT NOT NULL, body BLOB NOT NULL, created INTEGER NOT NULL,
          dead_after INTEGER NOT NULL, attempts INTEGER NOT NULL, standing TEXT NOT NULL, next INTEGER, last INTEGER,
          status INTEGER, detail TEXT) STRICT;
        CREATE INDEX IF NOT EXISTS delivery_waiting ON delivery (webhook, number) WHERE standing = 'waiting';
        CREATE TABLE IF NOT EXISTS ending (webhook TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY CHECK (id = 1), next INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS looked (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
        """;

    private const string Columns = "delivery, webhook, type, of, created, attempts, standing, next, last, status, detail";

    private readonly ServerTables tables;
    private readonly byte[] key;

    /// <param name="key">32 bytes, under which secrets are sealed.</param>
    public WebhookStore(string path, byte[] key) => (this.key, tables) = (key, new(path, Tables));

    /// <summary>All of them, those that ended too while they are listed.</summary>
    public IReadOnlyList<WebhookSubscription> Subscriptions() => Subscriptions("");

    /// <summary>Those that have not ended.</summary>
    public IReadOnlyList<WebhookSubscription> Active() => Subscriptions("WHERE ended IS NULL ");

    private List<WebhookSubscription> Subscriptions(string which) =>
        tables.Read("SELECT webhook, url, events, after_seconds, holder, role, party, stations, needs_key, created, "
            + $"failing_since, ended FROM subscription {which}ORDER BY created, webhook", row => new WebhookSubscription(
                row.GetString(0), new(row.GetString(1)), row.GetString(2).Split(' '), row.GetInt32(3),
                row.GetString(4), row.RoleOrNull(5), new(row.GetString(6)),
                [.. row.GetString(7).Split(' ', StringSplitOptions.RemoveEmptyEntries)
                    .Select(station => new StationId(station))],
                row.Truth(8), row.At(9), row.AtOrNull(10), row.TextOrNull(11)));

    public void Add(WebhookSubscription one, byte[] secret) =>
        tables.Execute("INSERT INTO subscription VALUES ($w, $u, $e, $a, $h, $r, $p, $s, $k, $c, NULL, NULL, $x)",
            ("$w", one.Webhook), ("$u", one.Url.ToString()), ("$e", string.Join(' ', one.Events)),
            ("$a", one.AfterSeconds), ("$h", one.Holder), ("$r", one.Role), ("$p", one.Party.Value),
            ("$s", string.Join(' ', one.Stations.Select(station => station.Value))), ("$k", one.NeedsKey),
            ("$c", one.Created), ("$x", Seal(one.Webhook, secret)));

    /// <summary>Ends a subscription; what waits for it is dead, and can be driven again if it is ever asked for.
    /// </summary>
    public void End(string webhook, string why, Instant at) => tables.AsOne(() =>
    {
        tables.Execute("INSERT OR IGNORE INTO ending VALUES ($w, $t)", ("$w", webhook), ("$t", at));
        tables.Execute("UPDATE subscription SET ended = coalesce(ended, $y) WHERE webhook = $w",
            ("$w", webhook), ("$y", why));
        tables.Execute("UPDATE delivery SET standing = 'dead', next = NULL, detail = $y WHERE webhook = $w "
            + "AND standing = 'waiting'", ("$w", webhook), ("$y", why));
    });

    /// <summary>Null where the subscription was forgotten meanwhile.</summary>
    public byte[]? SecretOf(string webhook) =>
        tables.Read("SELECT secret FROM subscription WHERE webhook = $w", row => row.Bytes(0), ("$w", webhook))
            is [var kept] ? Open(webhook, kept) : null;

    /// <summary>Takes an event for a subscriber, once.</summary>
    public void Add(WebhookSubscription to, WebhookEvent told, Instant now, WebhookOptions options)
    {
        var id = "msg_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
            $"{to.Webhook} {told.Type} {told.Name}")).AsSpan(0, 16));
        tables.AsOne(() =>
        {
            var isFull = tables.Read("SELECT count(*) FROM delivery WHERE webhook = $w AND standing = 'waiting'",
                row => row.GetInt64(0), ("$w", to.Webhook)).Single() >= options.WaitingMax;
            tables.Execute("INSERT OR IGNORE INTO delivery (delivery, webhook, type, of, body, created, dead_after, "
                + "attempts, standing, next, detail) VALUES ($d, $w, $t, $o, $b, $c, $x, 0, $s, $n, $y)", ("$d", id),
                ("$w", to.Webhook), ("$t", told.Type), ("$o", string.Join(", ", told.Data.Select(part =>
                    $"{part.Name} {part.Value}"))), ("$b", told.Body()), ("$c", now), ("$x", now + options.DeadAfter),
                ("$s", isFull ? WebhookDelivery.Dead : WebhookDelivery.Waiting), ("$n", isFull ? null : (Instant?)now),
                ("$y", isFull ? "too many were waiting" : null));
        });
    }

    /// <summary>The first that waits for a subscriber, where it is time to try it: what comes after waits for it.
    /// </summary>
    public (WebhookDelivery Delivery, byte[] Body, Instant DeadAfter)? Due(string webhook, Instant now) =>
        tables.Read($"SELECT {Columns}, body, dead_after FROM delivery WHERE webhook = $w AND standing = 'waiting' "
                + "ORDER BY number LIMIT 1", row => (OfRow(row), row.Bytes(11), row.At(12)), ("$w", webhook))
            is [var first] && first.Item1.Next <= now ? first : null;

    /// <summary>What became of an attempt, and since when its subscriber takes nothing. What was ended while it was
    /// under way stays so, but for what was taken.</summary>
    public void Attempted(WebhookDelivery after, Instant? failingSince) => tables.AsOne(() =>
    {
        tables.Execute("UPDATE delivery SET attempts = $a, standing = $s, next = $n, last = $l, status = $c, detail = $y "
            + "WHERE delivery = $d AND (standing = 'waiting' OR $s = 'delivered')", ("$d", after.Delivery),
            ("$a", after.Attempts), ("$s", after.Standing), ("$n", after.Next), ("$l", after.Last),
            ("$c", after.Status), ("$y", after.Detail));
        tables.Execute("UPDATE subscription SET failing_since = $f WHERE webhook = $w", ("$w", after.Webhook),
            ("$f", failingSince));
    });

    /// <summary>What waits, was delivered or is dead, newest first.</summary>
    public IReadOnlyList<WebhookDelivery> Deliveries(string webhook, int most) =>
        tables.Read($"SELECT {Columns} FROM delivery WHERE webhook = $w ORDER BY number DESC LIMIT $m",
            OfRow, ("$w", webhook), ("$m", most));

    public int DeliveriesOf(string webhook) => tables.Read("SELECT count(*) FROM delivery WHERE webhook = $w",
        row => row.GetInt32(0), ("$w", webhook)).Single();

    /// <summary>Has dead letters tried again, all of a subscriber or one; how many.</summary>
    public int Redrive(string webhook, string? delivery, Instant now, Instant deadAfter) =>
        tables.Execute("UPDATE delivery SET standing = 'waiting', next = $n, dead_after = $x, attempts = 0 "
            + "WHERE webhook = $w AND standing = 'dead' AND ($d IS NULL OR delivery = $d)", ("$w", webhook),
            ("$d", delivery), ("$n", now), ("$x", deadAfter));

    /// <summary>Forgets what was delivered, or died, and which subscriptions ended, so long ago; one that ended as long
    /// as a delivery of it is listed.</summary>
    public void Forget(Instant now, Duration listedFor) => tables.AsOne(() =>
    {
        tables.Execute("DELETE FROM delivery WHERE coalesce(last, created) < $b AND (standing <> 'waiting' "
            + "OR webhook IN (SELECT webhook FROM subscription WHERE ended IS NOT NULL))", ("$b", now - listedFor));
        // Of those that an earlier program ended nothing says when.
        tables.Execute("INSERT OR IGNORE INTO ending SELECT webhook, $n FROM subscription WHERE ended IS NOT NULL",
            ("$n", now));
        Forget("SELECT webhook FROM ending WHERE at < $b AND webhook NOT IN (SELECT webhook FROM delivery)",
            ("$b", now - listedFor));
    });

    /// <summary>Forgets of a party's subscriptions that ended those that ended first, until so many are left.</summary>
    public void Forget(PartyId party, int most) => tables.AsOne(() => Forget(
        "SELECT webhook FROM subscription LEFT JOIN ending USING (webhook) WHERE party = $p AND ended IS NOT NULL "
        + "ORDER BY at DESC, created DESC, webhook LIMIT -1 OFFSET $m", ("$p", party.Value), ("$m", most)));

    private void Forget(string which, params (string Name, object? Value)[] parameters)
    {
        foreach (var webhook in tables.Read(which, row => row.GetString(0), parameters))
            foreach (var table in (string[])["delivery", "subscription", "ending"])
                tables.Execute($"DELETE FROM {table} WHERE webhook = $w", ("$w", webhook));
    }

    /// <summary>The next position of the journal that was not looked at; null where none was.</summary>
    public long? Progress
    {
        get => tables.Read("SELECT next FROM progress", row => row.GetInt64(0)) is [var next] ? next : null;
        set => tables.Execute("INSERT OR REPLACE INTO progress VALUES (1, $n)", ("$n", value!.Value));
    }

    /// <summary>When it was last looked for what had not happened in time; null where it never was.</summary>
    public Instant? Looked
    {
        get => tables.Read("SELECT at FROM looked", row => row.At(0)) is [var at] ? at : null;
        set => tables.Execute("INSERT OR REPLACE INTO looked VALUES (1, $a)", ("$a", value!.Value));
    }

    /// <summary>Has the journal looked at again from a position on, where it was looked at beyond: for whoever lets it
    /// go on without events that it had there. What is told twice is taken once.</summary>
    public static void LookAgain(string path, long from)
    {
        if (!File.Exists(path)) return;
        using var tables = new ServerTables(path, Tables);
        tables.Execute("UPDATE progress SET next = min(next, $n)", ("$n", from));
    }

    public void Dispose() => tables.Dispose();

    private byte[] Seal(string webhook, byte[] secret)
    {
        var result = new byte[NonceBytes + TagBytes + secret.Length];
        RandomNumberGenerator.Fill(result.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(result.AsSpan(0, NonceBytes), secret, result.AsSpan(NonceBytes + TagBytes),
            result.AsSpan(NonceBytes, TagBytes), Encoding.UTF8.GetBytes(webhook));
        return result;
    }

    private byte[] Open(string webhook, byte[] from)
    {
        var secret = new byte[from.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(key, TagBytes);
        aes.Decrypt(from.AsSpan(0, NonceBytes), from.AsSpan(NonceBytes + TagBytes),
            from.AsSpan(NonceBytes, TagBytes), secret, Encoding.UTF8.GetBytes(webhook));
        return secret;
    }

    private static WebhookDelivery OfRow(SqliteDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.At(4), row.GetInt32(5),
        row.GetString(6), row.AtOrNull(7), row.AtOrNull(8), row.NumberOrNull(9), row.TextOrNull(10));
}
