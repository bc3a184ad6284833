using Ledger.Domain;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// The six roles as values: which scopes each holds, and whose data it reaches. The table is the rule itself and not a
/// description of it, so an auditor who reads it has read what the program does.
/// </summary>
public static class Roles
{
    /// <summary>Scopes by role; 'x' is held. Nobody holds refusals:redrive but who may write the data folder.</summary>
    public const string Table = """
        scope              | station | chargingOperator | aggregator | gridOperator | auditor | administrator
        points:read        | x       | x                | x          | x            | x       | -
        dispatch:read      | x       | x                | x          | x            | x       | -
        settlement:read    | -       | x                | x          | x            | x       | -
        tariffs:read       | -       | x                | x          | -            | x       | -
        refusals:read      | -       | x                | x          | x            | x       | -
        access:read        | -       | -                | -          | -            | x       | x
        readings:write     | x       | x                | -          | -            | -       | -
        readings:correct   | -       | x                | -          | -            | -       | -
        curves:write       | x       | x                | -          | -            | -       | -
        charges:write      | -       | x                | -          | -            | -       | -
        evidence:write     | x       | x                | x          | x            | -       | -
        master-data:write  | -       | x                | -          | -            | -       | -
        meters:write       | -       | -                | -          | -            | -       | x
        limits:write       | -       | -                | -          | x            | -       | -
        dispatch:write     | -       | -                | -          | x            | -       | -
        dispatch:answer    | x       | x                | x          | -            | -       | -
        enrolments:write   | -       | x                | x          | x            | -       | -
        availability:write | -       | x                | x          | -            | -       | -
        programmes:write   | -       | -                | -          | x            | -       | -
        rules:write        | -       | -                | -          | x            | -       | -
        tariffs:write      | -       | x                | -          | -            | -       | -
        settlement:run     | -       | x                | -          | x            | -       | -
        settlement:publish | -       | x                | -          | x            | -       | -
        disputes:write     | -       | x                | x          | x            | -       | -
        refusals:write     | -       | x                | -          | -            | -       | -
        refusals:redrive   | -       | -                | -          | -            | -       | -
        evidence:disclose  | -       | -                | -          | -            | x       | x
        subjects:write     | -       | -                | -          | -            | -       | x
        keys:write         | -       | -                | -          | -            | -       | x
        retention:write    | -       | -                | -          | -            | -       | x
        access:write       | -       | -                | -          | -            | -       | x
        webhooks:write     | -       | x                | x          | x            | -       | x
        """;

    private static readonly HashSet<StationId> NoStation = [];
    private static readonly Dictionary<Role, IReadOnlySet<string>> Held = Read();

    public static IReadOnlySet<string> ScopesOf(Role role) => Held[role];

    /// <summary>Who asks, from what a key, a token or a certificate says of them.</summary>
    public static Principal Principal(
        string holder, Role role, PartyId party, IReadOnlyCollection<StationId> stations) =>
        new(holder, party, ScopesOf(role)) { Role = role, Reach = ReachOf(role, party, stations) };

    /// <param name="stations">What it is limited to; none: what the role reaches.</param>
    public static Reach ReachOf(Role role, PartyId party, IReadOnlyCollection<StationId> stations)
    {
        var limit = stations.Count == 0 ? null : stations.ToHashSet();
        return role switch
        {
            // A station without a station reaches nothing, and never all that its operator does.
            Role.Station => new(party, limit ?? NoStation, party, false),
            Role.ChargingOperator => new(party, limit, party, false),
            // Whose flexibility it bundles is said by the stations of its key; without any it is its own.
            Role.Aggregator => limit is null ? new(party, null, party, false) : new(null, limit, party, false),
            Role.GridOperator => new(null, limit, party, true),
            Role.Auditor => Reach.Everything,
            _ => new(null, NoStation, party, true),
        };
    }

    private static Dictionary<Role, IReadOnlySet<string>> Read()
    {
        var rows = Table.Split('\n').Select(line => line.Split('|', StringSplitOptions.TrimEntries)).ToList();
        return rows[0].Skip(1).Select((role, column) => (Role: Enum.Parse<Role>(role, ignoreCase: true), column))
            .ToDictionary(of => of.Role, of => (IReadOnlySet<string>)rows.Skip(1)
                .Where(row => row[of.column + 1] == "x").Select(row => row[0]).ToHashSet());
    }
}
