using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// What a statement should hold and what it holds: the stations and lines that master data lets expect, against those
/// that were received. A station is complete where each of its lines has an energy and an amount.
/// </summary>
/// <param name="StationsExpected">Stations with a settled point of the account on that day.</param>
/// <param name="LinesExpected">Settled points × directions × settlement periods.</param>
/// <param name="LinesMetered">Lines with an energy.</param>
/// <param name="LinesPriced">Lines with an amount.</param>
/// <param name="PointsLeftOut">Points of the account that are not settled, each for a reason.</param>
public sealed record Completeness(
    int StationsExpected, int StationsComplete, int LinesExpected, int LinesMetered, int LinesPriced, int PointsLeftOut)
{
    /// <summary>Whether all that was expected was received.</summary>
    public bool IsComplete => StationsComplete == StationsExpected && LinesPriced == LinesExpected && LinesExpected > 0;

    /// <summary>The same of a statement with lines of flexibility, each with an amount. An account of no point, as an
    /// aggregator's, expects no line of energy, and is complete without one.</summary>
    public bool IsCompleteWith(int linesOfFlexibility) =>
        IsComplete || (LinesExpected == 0 && PointsLeftOut == 0 && linesOfFlexibility > 0);

    /// <param name="expected">Of each settled point its station, and how many lines it has to have.</param>
    public static Completeness Of(Statement statement,
        IReadOnlyDictionary<SettlementPointId, (StationId Station, int Lines)> expected, int leftOut)
    {
        var priced = statement.Lines.Where(line => line.Amount is not null).CountBy(line => line.Point).ToDictionary();
        var stations = expected.GroupBy(point => point.Value.Station).ToList();
        return new(stations.Count, stations.Count(points => points.All(point =>
                priced.GetValueOrDefault(point.Key) == point.Value.Lines)),
            expected.Values.Sum(point => point.Lines), statement.Lines.Count(line => line.Metered is not null),
            statement.Lines.Count(line => line.Amount is not null), leftOut);
    }
}

/// <summary>A version of a rule pack, and SHA-256 of the fact that published it.</summary>
public sealed record PackUse(RulePackId Pack, int Version, EvidenceDigest Digest);

/// <summary>What of a run's flexibility is published with it: its lines and their postings.</summary>
/// <param name="LinesRoot">RFC 6962 §2.1 tree hash over the lines' texts.</param>
/// <param name="Total">Positive where the account pays.</param>
public sealed record PublishedFlexibility(
    int Lines, EvidenceDigest LinesRoot, decimal Total, string Currency, IReadOnlyList<Posting> Postings);

/// <summary>
/// A settlement run was published: another person than the one who calculated it answers for it. What it rests on is
/// pinned by digest: the run and the tariff as they were recorded, and the rule packs.
/// </summary>
/// <param name="RunDigest">SHA-256 of the run's payload.</param>
/// <param name="TariffDigest">SHA-256 of the payload of the tariff's version.</param>
/// <param name="Flexibility">Null where no programme pays anything by this statement.</param>
public sealed record SettlementRunPublished(
    RunId Run, PartyId Account, LocalDate Day, string CalculatedBy, string PublishedBy, EvidenceDigest RunDigest,
    EvidenceDigest TariffDigest, IReadOnlyList<PackUse> RulePacks, Completeness Completeness,
    PublishedFlexibility? Flexibility = null) : LedgerEvent;

/// <summary>When a calculated run may be published.</summary>
public static class Publication
{
    /// <summary>
    /// Guards in order of their codes: already published, the run unknown, unbalanced postings, the same person,
    /// another run holds, the run does not come out again.
    /// </summary>
    /// <param name="differs">What of the run does not come out again; null where all does.</param>
    public static Decision Decide(SettlementState state, SettlementRunPublished publication, string? differs,
        Instant now)
    {
        if (state.Published.Any(before => before.Run == publication.Run)) return new Decision.AlreadyRecorded();
        if (state.Runs.All(run => run.Run != publication.Run))
            return new Decision.Rejected(Rejection.UnknownRun, $"{publication.Run} is no run of this day");
        if (publication.Flexibility?.Postings.Sum(posting => posting.Amount) is { } sum && sum != 0m)
            return new Decision.Rejected(Rejection.PostingsUnbalanced, "postings of flexibility do not sum to zero");
        if (publication.PublishedBy == publication.CalculatedBy)
            return new Decision.Rejected(Rejection.SamePerson,
                $"{publication.PublishedBy} calculated {publication.Run}: another person publishes it");
        if (state.Holding!.Run != publication.Run)
            return new Decision.Rejected(Rejection.RunSuperseded,
                $"{state.Holding.Run} holds for this day, and not {publication.Run}");
        return differs is not null
            ? new Decision.Rejected(Rejection.RunNotReproduced, differs)
            : new Decision.Accepted(NewFact.At(publication, now, new EvidenceKey("publication/"
                + Settlement.NameOf(publication.Run, publication.Account, publication.Day))));
    }
}
