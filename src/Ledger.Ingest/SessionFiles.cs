using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// Charging sessions become readings of one import register per connector. The data set comes without master data, so
/// the import also registers each connector as a settlement point of the importing party, named
/// <c>STATION:CONNECTOR</c>, and installs its register at zero when the first vehicle arrives. The file is the evidence
/// for all of it. The station is the hinted settlement point's name, else that of the data set; the rated power is the
/// highest power that the file shows.
/// </summary>
internal static class SessionFiles
{
    private const string StationOfTheDataSet = "epfl-level3";
    private const int PeriodMinutes = 15;

    public static async Task TakeAsync(IntakeRun run, Submission file, string text)
    {
        if (run.Hints.Zone is not { } zone)
        {
            await run.RefuseAsync(file.Source,
                Refusal.Of(Rejection.UnknownZone,
                    "the local times of the sessions need a time zone named beside the file"), file)
                .ConfigureAwait(false);
            return;
        }
        if (EpflSessions.Read(text, zone, out var sessions) is { } refused)
        {
            await run.RefuseAsync(file.Source, refused, file).ConfigureAwait(false);
            return;
        }
        var station = run.Hints.Point?.Value ?? StationOfTheDataSet;
        foreach (var connector in sessions.GroupBy(session => session.Connector))
        {
            if (SettlementPointId.TryParse($"{station}:{connector.Key}", out var point))
                await TakeAsync(run, file, zone, new StationId(station), point, [.. connector]).ConfigureAwait(false);
            else
                await run.RefuseAsync(file.Source, Refusal.Of(Rejection.InvalidIdentifier,
                    $"settlement point {IntakeText.Quote($"{station}:{connector.Key}")} is too long"), file)
                        .ConfigureAwait(false);
        }
    }

    private static async Task TakeAsync(
        IntakeRun run, Submission file, DateTimeZone zone, StationId station, SettlementPointId point,
        List<SessionReading> sessions)
    {
        var begins = Begins(sessions);
        var register = new RegisterId(point, Direction.Import);
        await run.SendAsync($"{file.Source}: settlement point {point}",
            new FactInput.Of<Dated<SettlementPointRegistered>>(new(
            new(point, station, SettlementPointKind.Connector, run.Party, zone.Id, PeriodMinutes,
                new Power(sessions.Max(session => session.PeakMilliwatts)), Bidirectional: false), begins)), file)
                    .ConfigureAwait(false);
        await run.SendAsync($"{file.Source}: register {register}", new FactInput.Of<Dated<RegisterInstalled>>(new(
            new(register, point.Value, Limits.RegisterDigitsMax, EpflSessions.RegisterDecimals, 1, null), begins)),
                file).ConfigureAwait(false);
        foreach (var (at, steps, name) in Indices(sessions)) Wait(at, steps, name);

        void Wait(Instant at, long steps, string name) => run.Wait($"{file.Source}: {register} {name}", new IndexRead(
            register, at, ExactNumber.Of(steps, EpflSessions.RegisterDecimals), $"{steps} steps of 0.001 Wh",
            ReadingQuality.Measured), file, file);
    }
    /// <summary>What a connector's register showed: nothing at the first arrival, then at each departure what was
    /// given until then.</summary>
    public static IEnumerable<(Instant At, long Steps, string Name)> Indices(IReadOnlyList<SessionReading> sessions)
    {
        yield return (Begins(sessions), 0, "first arrival");
        // Two sessions that end in one minute are one reading of the register.
        foreach (var instant in sessions.GroupBy(session => session.At))
            yield return (instant.Key, instant.Last().IndexSteps,
                $"session {string.Join(", ", instant.Select(session => session.Session))}");
    }

    private static Instant Begins(IReadOnlyList<SessionReading> sessions) =>
        Instant.Min(sessions.Min(session => session.From), sessions[0].At - Duration.FromSeconds(1));
}
