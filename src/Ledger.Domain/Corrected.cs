namespace Ledger.Domain;

/// <summary>
/// Readings as their latest correction has them. Facts may come in any order; a correction without its reading says
/// nothing, and of several the highest version counts.
/// </summary>
internal static class Corrected
{
    public static MeteredFacts Latest(MeteredFacts facts) =>
        facts.ReadingCorrections.Count == 0 && facts.IntervalCorrections.Count == 0 ? facts : facts with
        {
            Readings = Readings(facts),
            IntervalReadings = Intervals(facts),
        };

    /// <summary>A reading may also have been quarantined until its correction released it,
    /// so a correction stands alone.</summary>
    private static List<Positioned<RegisterReadingRecorded>> Readings(MeteredFacts facts)
    {
        var latest = facts.ReadingCorrections.GroupBy(correction => (correction.Fact.Register, correction.Fact.ReadAt))
            .ToDictionary(versions => versions.Key, versions => versions.MaxBy(correction => correction.Fact.Version)!);
        var first = facts.Readings.ToLookup(reading => (reading.Fact.Register, reading.Fact.ReadAt));
        return
        [
            .. facts.Readings.Where(reading => !latest.ContainsKey((reading.Fact.Register, reading.Fact.ReadAt))),
            .. latest.Values.OrderBy(correction => correction.Position).Select(correction =>
            {
                var (position, fact) = (correction.Position, correction.Fact);
                var of = first[(fact.Register, fact.ReadAt)].FirstOrDefault();
                return new Positioned<RegisterReadingRecorded>(position, new RegisterReadingRecorded(
                    fact.Register, fact.ReadAt, fact.IndexSteps, fact.Quality, fact.Evidence))
                {
                    Name = $"{position} v{fact.Version}" + (of is null ? "" : $" of {of.Position}"),
                };
            }),
        ];
    }

    private static List<Positioned<IntervalReadingRecorded>> Intervals(MeteredFacts facts)
    {
        var latest = facts.IntervalCorrections.GroupBy(correction => (correction.Fact.Register, correction.Fact.Period))
            .ToDictionary(versions => versions.Key, versions => versions.MaxBy(correction => correction.Fact.Version)!);
        return [.. facts.IntervalReadings.Select(reading =>
            latest.GetValueOrDefault((reading.Fact.Register, reading.Fact.Period)) is not { } correction ? reading
                : new Positioned<IntervalReadingRecorded>(correction.Position, reading.Fact with
                {
                    Energy = correction.Fact.Energy,
                    Quality = correction.Fact.Quality,
                    Method = correction.Fact.Method,
                    Evidence = correction.Fact.Evidence,
                })
                {
                    Name = $"{correction.Position} v{correction.Fact.Version} of {reading.Position}",
                })];
    }
}
