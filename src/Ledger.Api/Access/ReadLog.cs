using System.Text;
using Ledger.Api.Tables;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Api.Access;

/// <summary>
/// Who has read data of others, gathered and recorded as facts every few seconds and when the server stops. Whose key
/// reaches beyond its own party is written down; an operator that looks at its own points is not.
/// </summary>
internal sealed class ReadLog(OpenLedger ledger)
{
    /// <summary>Readers that may be gathered at once; a read of one more is refused until they are recorded.</summary>
    private const int ReadersMax = 1000;
    /// <summary>How often what was gathered is recorded.</summary>
    public static readonly Duration Every = Duration.FromSeconds(5);

    /// <summary>Parameters whose identifiers say what was read; texts that a caller makes up are never kept.</summary>
    private static readonly string[] Named =
        ["point", "station", "account", "instruction", "run", "before", "after", "position", "day"];

    private sealed class Gathered(Instant since)
    {
        public Instant Since => since;
        public Dictionary<(string Operation, string? Of), int> Reads { get; } = [];
        public int Others { get; set; }
    }

    private readonly Lock gate = new();
    private Instant latest = Instant.FromUnixTimeTicks(0);
    private Dictionary<(string By, PartyId Party, Role Role), Gathered> gathered = [];

    public static bool IsOfOthers(Principal who) => who.Role is Role.Auditor or Role.GridOperator or Role.Administrator
        || (who.Role is Role.Aggregator && who.Reach.Owner is null);

    /// <summary>Whether one more read of somebody can be noted. Where too much is gathered it is recorded first, so
    /// that nobody hides a read behind many others.</summary>
    public async ValueTask<bool> HasRoomAsync(Principal who, CancellationToken ct)
    {
        if (HasRoom(who)) return true;
        await RecordAsync(ct).ConfigureAwait(false);
        return HasRoom(who);
    }

    private bool HasRoom(Principal who)
    {
        lock (gate)
            return gathered.TryGetValue(KeyOf(who), out var mine) ? mine.Reads.Count < DataReads.ReadsMax
                : gathered.Count < ReadersMax;
    }

    /// <summary>The kind of file that an answer is, by its media type; null where it is read and not taken away as
    /// one.</summary>
    public static string? FileOf(string? contentType) => contentType?.Split(';')[0].Trim() switch
    {
        "text/csv" => "csv",
        "application/x-ndjson" => "ndjson",
        "application/vnd.apache.parquet" => "parquet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        _ => null,
    };

    /// <param name="file">As <see cref="FileOf"/>.</param>
    public void Note(Principal who, Endpoint endpoint, HttpRequest request, string? file)
    {
        var operation = endpoint.Metadata.GetMetadata<EndpointNameMetadata>()?.EndpointName ?? "page";
        if (file is not null) operation += $" as {file}";
        Note(who, operation, Of(request));
    }

    /// <summary>Notes that somebody was given data; of whoever may write the data folder nothing is noted.</summary>
    public void Note(Principal who, string operation, string? of)
    {
        if (who.Role is null) return;
        lock (gate)
        {
            if (!gathered.TryGetValue(KeyOf(who), out var mine))
                gathered[KeyOf(who)] = mine = new(latest = Instant.Max(
                    ledger.Clock.GetCurrentInstant(), latest + Duration.FromTicks(1))); // one name for one gathering
            if (mine.Reads.ContainsKey((operation, of)) || mine.Reads.Count < DataReads.ReadsMax)
                mine.Reads[(operation, of)] = mine.Reads.GetValueOrDefault((operation, of)) + 1;
            else mine.Others++;
        }
    }

    /// <summary>Records what was gathered; what the journal has no room for stays.</summary>
    public async Task RecordAsync(CancellationToken ct)
    {
        Dictionary<(string By, PartyId Party, Role Role), Gathered> taken;
        lock (gate)
        {
            if (gathered.Count == 0) return;
            (taken, gathered) = (gathered, []);
        }
        var until = ledger.Clock.GetCurrentInstant();
        foreach (var ((by, party, role), mine) in taken)
        {
            var fact = new DataRead(by, party, role, new Interval(mine.Since, Instant.Max(until, mine.Since)),
                [.. mine.Reads.Select(read => new ReadCount(read.Key.Operation, read.Key.Of, read.Value))
                    .OrderBy(read => read.Operation, StringComparer.Ordinal)
                    .ThenBy(read => read.Of, StringComparer.Ordinal)], mine.Others);
            var command = new Command<DataRead>(fact, new Submission(Encoding.UTF8.GetBytes(EventCodec.ToJson(fact)),
                "reads"), ledger.Operator("reads"), new($" reads {by} {party} {mine.Since.ToUnixTimeTicks()}"));
            if (await ledger.Commands.Send(command, ct).ConfigureAwait(false) is RecordOutcome.Busy)
                lock (gate) gathered.TryAdd((by, party, role), mine);
        }
    }

    private static (string, PartyId, Role) KeyOf(Principal who) => (who.Actor, who.Party, who.Role!.Value);

    private static string? Of(HttpRequest request)
    {
        var named = Named.Where(name => request.Query[name] is [{ } value] && Identifier.IsValid(value))
            .Select(name => $"{name} {request.Query[name]}").ToList();
        if (request.RouteValues.TryGetValue("position", out var position) && position is string at
            && Identifier.IsValid(at)) named.Add($"position {at}");
        return named.Count == 0 ? null : string.Join(", ", named);
    }
}
