namespace Ledger.Domain;

/// <summary>Who somebody is to a ledger: what a role may do stands in one table, <c>docs/access.md</c>.</summary>
public enum Role
{
    /// <summary>A charging station, which hands in what it measured and acknowledges what it was told.</summary>
    Station = 1,
    /// <summary>Who owns settlement points and has an account.</summary>
    ChargingOperator = 2,
    /// <summary>Who bundles the flexibility of stations, its own and others'.</summary>
    Aggregator = 3,
    /// <summary>Who calls flexibility, sets limits and publishes programmes.</summary>
    GridOperator = 4,
    /// <summary>Who reads everything and changes nothing.</summary>
    Auditor = 5,
    /// <summary>Who gives and takes access, keys of meters and of the log, and erases persons; reads no data.</summary>
    Administrator = 6,
}

/// <summary>
/// Whose data somebody reaches. A settlement point is reached by its owner and its station, an account by its own name,
/// an instruction by who issued it or by the points that it aims at. What is not reached is answered as what does not
/// exist, so that nobody learns by asking that it does.
/// </summary>
/// <param name="Owner">Only points of this owner; null: of any.</param>
/// <param name="Stations">Only points of these stations; null: of any.</param>
/// <param name="Account">Only this party's account, and only in this party's name; null: any.</param>
/// <param name="OfIssuer">Instructions are reached by who issued them alone, whatever they aim at.</param>
public sealed record Reach(PartyId? Owner, IReadOnlySet<StationId>? Stations, PartyId? Account, bool OfIssuer)
{
    /// <summary>Everything, in anybody's name: who may write the data folder, and who audits.</summary>
    public static readonly Reach Everything = new(null, null, null, false);

    public bool IsEverything => this == Everything;

    /// <summary>Whether another reach covers the same, whichever way its stations are kept.</summary>
    public bool IsAs(Reach other) => (Owner, Account, OfIssuer) == (other.Owner, other.Account, other.OfIssuer)
        && (Stations is null ? other.Stations is null : other.Stations is { } set && Stations.SetEquals(set));

    /// <summary>Whether a settlement point of this owner and station is reached.</summary>
    public bool Covers(PartyId owner, StationId station) =>
        (Owner is null || Owner == owner) && (Stations is null || Stations.Contains(station));

    /// <summary>Whether this party's account is reached, and whether one may act in its name.</summary>
    public bool Covers(PartyId account) => Account is null || Account == account;

    /// <summary>Whether points of anybody are reached in one party's name, as by an aggregator's key for stations: what
    /// others have agreed on such a point is between them and its owner.</summary>
    public bool IsOfOthers => Owner is null && Account is not null && !OfIssuer;

    /// <summary>Whether a fact is reached that this party handed in, whatever it is about. Who is limited to stations
    /// of its own operator reaches none: not every fact says at which station it is.</summary>
    public bool CoversHandedInBy(PartyId party) => Covers(party) && (Owner is null || Stations is null);
}

/// <summary>Who acts: a person or program, the party (tenant) it acts for, and the scopes it holds.</summary>
public sealed record Principal(string Actor, PartyId Party, IReadOnlySet<string> Scopes)
{
    /// <summary>Null for whoever needs no role, because it may write the data folder itself.</summary>
    public Role? Role { get; init; }

    public Reach Reach { get; init; } = Reach.Everything;

    public bool Holds(string scope) => Scopes.Contains(scope);
}
