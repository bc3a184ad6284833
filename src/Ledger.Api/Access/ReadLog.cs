using System.Text;
using Ledger.Api.Tables;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Api.Access;

/// <summary>What an answer gives, where its address does not say it.</summary>
/// <param name="Of">The identifiers that it is about; null: none.</param>
internal sealed record ReadOf(string What, string? Of);

/// <summary>
/// Who has read data of others, gathered and recorded as facts every few seconds and when the server stops. Whose key
/// reaches beyond its own party is written down; an operator that looks at its own points is not.
/// </summary>
public sealed class ReadLog(OpenLedger ledger)
{
    /// <summary>Readers that may be gathered at once; a read of one more is refused until they are recorded.</summary>
    private const int ReadersMax = 1000;
    /// <summary>How often what was gathered is recorded.</summary>
    public static readonly Duration Every = Duration.FromSeconds(5);

    /// <summary>Parameters whose identifiers say what was read; texts that a caller makes up are never kept.</summary>
    private static readonly string[] Named =
    [
        "point", "station", "account", "instruction", "run", "before", "after", "position", "day", "from", "to", "month",
        "start", "end", "tariff", "pack", "issuer", "programID", "eventID",
    ];

    /// <summary>The same of parts of the address, and what the record of a read calls them.</summary>
    private static readonly string[] NamedInPath = ["position", "record", "programID", "eventID"];

    private sealed class Gathered(Instant since)
    {
        public Instant Since => since;
        public Dictionary<(string Operation, string? Of), int> Reads { get; } = [];
        public int Others { get; set; }

        public void Add((string Operation, string? Of) read, int times)
        {
            if (Reads.ContainsKey(read) || Reads.Count < DataReads.ReadsMax)
                Reads[read] = Reads.GetValueOrDefault(read) + times;
            else Others += times;
        }
    }

    private readonly Lock gate = new();
    private Instant latest = Instant.FromUnixTimeTicks(0);
    private Dictionary<(string By, PartyId Party, Role Role), Gathered> gathered = [];

    public static bool IsOfOthers(Principal who) => who.Role is Role.Auditor or Role.GridOperator or Role.Administrator
        || (who.Role is Role.Aggregator && who.Reach.Owner is null);

    /// <summary>Whether one more read of somebody can be noted. Where too much is gathered it is recorded first, so
    /// that nobody hides a read behind many others.</summary>
    public async ValueTask<bool> HasRoomAsync(Principal who)
    {
        if (HasRoom(who)) return true;
        // Whoever asks may break off; what was gathered is of others too.
        await RecordAsync(CancellationToken.None).ConfigureAwait(false);
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
        "application/zip" => "zip",
        _ => null,
    };

    /// <param name="file">As <see cref="FileOf"/>.</param>
    public void Note(Principal who, Endpoint endpoint, HttpRequest request, string? file)
    {
        var operation = endpoint.Metadata.GetMetadata<EndpointNameMetadata>()?.EndpointName ?? "page";
        var said = request.HttpContext.Features.Get<ReadOf>();
        if (said is not null) operation += $" of {said.What}";
        if (file is not null) operation += $" as {file}";
        Note(who, operation, said is null ? Of(request) : said.Of);
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
            mine.Add((operation, of), 1);
        }
    }

    /// <summary>Records what was gathered; what the journal has no room for, or is broken off, stays.</summary>
    public async Task RecordAsync(CancellationToken ct)
    {
        Dictionary<(string By, PartyId Party, Role Role), Gathered> taken;
        lock (gate)
        {
            if (gathered.Count == 0) return;
            (taken, gathered) = (gathered, []);
        }
        var left = taken.Keys.ToHashSet();
        try
        {
            var until = ledger.Clock.GetCurrentInstant();
            foreach (var ((by, party, role), mine) in taken)
            {
                var fact = new DataRead(by, party, role, new Interval(mine.Since, Instant.Max(until, mine.Since)),
                    [.. mine.Reads.Select(read => new ReadCount(read.Key.Operation, read.Key.Of, read.Value))
                        .OrderBy(read => read.Operation, StringComparer.Ordinal)
                        .ThenBy(read => read.Of, StringComparer.Ordinal)], mine.Others);
                var command = new Command<DataRead>(fact, new Submission(
                    Encoding.UTF8.GetBytes(EventCodec.ToJson(fact)), "reads"), ledger.Operator("reads"),
                    new($" reads {by} {party} {mine.Since.ToUnixTimeTicks()}"));
                if (await ledger.Commands.Send(command, ct).ConfigureAwait(false) is not RecordOutcome.Busy)
                    left.Remove((by, party, role));
            }
        }
        finally
        {
            lock (gate)
                foreach (var who in left) PutBack(who, taken[who]);
        }
    }

    /// <summary>What was not recorded goes before what was read meanwhile.</summary>
    private void PutBack((string By, PartyId Party, Role Role) who, Gathered before)
    {
        if (gathered.TryGetValue(who, out var since))
        {
            foreach (var (read, times) in since.Reads) before.Add(read, times);
            before.Others += since.Others;
        }
        gathered[who] = before;
    }

    private static (string, PartyId, Role) KeyOf(Principal who) => (who.Actor, who.Party, who.Role!.Value);

    private static string? Of(HttpRequest request)
    {
        var named = Named.Where(name => request.Query[name] is [{ } value] && Identifier.IsValid(value))
            .Select(name => $"{name} {request.Query[name]}").ToList();
        named.AddRange(NamedInPath.Where(name =>
                request.RouteValues.TryGetValue(name, out var value) && Identifier.IsValid(value as string))
            .Select(name => $"{name} {request.RouteValues[name]}"));
        return named.Count == 0 ? null : string.Join(", ", named);
    }
}
