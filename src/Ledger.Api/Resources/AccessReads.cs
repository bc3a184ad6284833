using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>An access key as anybody may see it who may see keys: all but its secret, which nobody has but its
/// holder.</summary>
public sealed record AccessKeyRow(
    string Key, string Holder, Role Role, string Party, IReadOnlyList<string> Stations, Instant Expires,
    [property: Choices("valid", "expired", "revoked")] string Standing, string? Revoked)
{
    public static AccessKeyRow Of(KnownKey known, Instant now) => new(
        known.Issued.Key.Value, known.Issued.Holder, known.Issued.Role, known.Issued.Party.Value,
        [.. known.Issued.Stations.Select(station => station.Value)], known.Issued.Expires,
        known.Revoked is not null ? "revoked" : known.Issued.Expires <= now ? "expired" : "valid", known.Revoked);
}

/// <summary>How often somebody has read one resource within a stretch of time.</summary>
public sealed record DataReadRow(
    string By, string Party, Role Role, Instant From, Instant To, string Operation, string? Of, int Times,
    long Position);

/// <summary>The keys as of a position.</summary>
public sealed record AccessKeysAnswer(long? AsOf, IReadOnlyList<AccessKeyRow> Keys);

/// <summary>The reads of a UTC day.</summary>
public sealed record DataReadsAnswer(string Day, long? AsOf, IReadOnlyList<DataReadRow> Reads);

/// <summary>Who has access, and who has read what of others.</summary>
internal static class AccessReads
{
    /// <summary>Where keys are posted, as <see cref="Facts"/> has all other facts.</summary>
    public static readonly (string Path, string Type, string Does, string Members)[] Resources =
    [
        ("access-keys", "access-key", "Gives access: the holder makes the secret, and only its hash is handed in.",
            $"key (a name), secretSha256 (of the secret's 64 hex digits), holder, role: {RequestMembers.OneOf<Role>()}, party, "
            + "stations?: [station], expires (within 400 days)"),
        ("access-key-revocations", "access-key-revocation", "Takes access away, within a second.", "key, reason"),
    ];

    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/access-keys", async (HttpContext context) =>
        {
            var (_, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var state = await KeysAsync(ledger, position, context.RequestAborted).ConfigureAwait(false);
            var now = ledger.Clock.GetCurrentInstant();
            return Answering.Read(new AccessKeysAnswer(
                position, [.. state.Known.Values.Select(known => AccessKeyRow.Of(known, now))]), position);
        }).Reads("access-keys", "Every access key that was issued: who holds it, and whether it is valid now.");

        app.MapGet("/v1/data-reads", async (HttpContext context) =>
        {
            var day = Asking.Day(context.Request);
            var (_, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var rows = new List<DataReadRow>();
            await foreach (var recorded in ledger.Journal.ReadStreamAsync(Streams.DataReads(day), 0,
                context.RequestAborted).ConfigureAwait(false))
            {
                if (recorded.Position > position) break;
                var read = (DataRead)EventCodec.Decode(recorded);
                rows.AddRange(read.Reads.Select(each => new DataReadRow(read.By, read.Party.Value, read.Role,
                    read.During.Start, read.During.End, each.Operation, each.Of, each.Times, recorded.Position)));
            }
            return Answering.Read(new DataReadsAnswer(RowJson.Day(day), position, rows), position);
        }).Reads("data-reads", "Who has read what of others on a UTC day.", "day");
    }

    private static async Task<AccessKeysState> KeysAsync(OpenLedger ledger, long? position, CancellationToken ct)
    {
        var state = AccessKeysState.Empty;
        await foreach (var recorded in ledger.Journal.ReadStreamAsync(Streams.AccessKeys, 0, ct).ConfigureAwait(false))
        {
            if (recorded.Position > position) break;
            state = AccessKeys.Evolve(state, EventCodec.Decode(recorded));
        }
        return state;
    }
}
