using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Fleet;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime.Text;

namespace Ledger.Cli.Demonstration;

/// <summary>A file as it was handed in, and what became of it.</summary>
internal sealed record TakenFile(string Name, long Bytes, IntakeReport Report);

/// <summary>A settlement run of the day with its statement.</summary>
internal sealed record DemoRun(RunId Run, long AtPosition, Statement Statement);

/// <summary>What a demonstration left behind, beside the ledger itself.</summary>
internal sealed record DemoOutcome(FleetPlan Plan, IReadOnlyList<TakenFile> Taken, DemoRun Initial, DemoRun Correction);

/// <summary>
/// Plays a simulated day into an empty ledger, through the doors that anybody's evidence comes through: each file at
/// its own time to <see cref="Intake"/>, then a settlement run, the late reading, and the run that corrects the first.
/// </summary>
internal sealed class DemoDay
{
    public static readonly LedgerId Ledger = new("demo-city");

    private readonly FleetPlan plan;
    private readonly OpenLedger ledger;
    private readonly SimulatedClock clock;
    private readonly Action<string> progress;
    private readonly List<TakenFile> taken = [];

    private DemoDay(FleetPlan plan, OpenLedger ledger, SimulatedClock clock, Action<string> progress) =>
        (this.plan, this.ledger, this.clock, this.progress) = (plan, ledger, clock, progress);

    /// <summary>The clock of a demonstration stands at noon of the day before; the first file sets it on.</summary>
    public static SimulatedClock ClockOf(FleetPlan plan) => new(plan.At(-FleetPlan.DaySeconds / 2));

    /// <summary>
    /// The secret of a demonstration's ledger comes from the seed, so that leaves and sealed evidence come out the same
    /// each time. Who knows the seed knows it: it protects nothing.
    /// </summary>
    public static byte[] SecretOf(int seed) => SHA256.HashData(
        Encoding.UTF8.GetBytes("ledger demo secret " + seed.ToString(CultureInfo.InvariantCulture)));

    public static async Task<DemoOutcome> PlayAsync(
        FleetPlan plan, OpenLedger ledger, SimulatedClock clock, Action<string> progress, CancellationToken ct)
    {
        var day = new DemoDay(plan, ledger, clock, progress);
        progress("simulating the day");
        var stations = new StationDay[plan.Stations];
        Parallel.For(0, stations.Length, i => stations[i] = StationDay.Simulate(plan, i + 1));
        await day.TakeAsync(FleetEvidence.UntilInitialRun(plan, stations), ct).ConfigureAwait(false);
        clock.Set(FleetEvidence.InitialRunAt(plan));
        var initial = await day.SettleAsync(RunKind.Initial, null, ct).ConfigureAwait(false);
        await day.TakeAsync(FleetEvidence.Late(plan, stations), ct).ConfigureAwait(false);
        clock.Set(FleetEvidence.CorrectionRunAt(plan));
        var correction = await day.SettleAsync(RunKind.Correction, initial.Run, ct).ConfigureAwait(false);
        await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        return new DemoOutcome(plan, day.taken, initial, correction);
    }

    private async Task TakeAsync(IEnumerable<FleetFile> files, CancellationToken ct)
    {
        foreach (var file in files)
        {
            progress($"taking {file.Name}");
            clock.Set(file.HandedInAt);
            var report = await ledger.Intake.TakeAsync(
                new Submission(file.Bytes, file.Name), new IntakeHints(), By(file.By), ct).ConfigureAwait(false);
            taken.Add(new TakenFile(file.Name, file.Bytes.Length, report));
        }
    }

    private async Task<DemoRun> SettleAsync(RunKind kind, RunId? supersedes, CancellationToken ct)
    {
        progress($"settling, {Shown.Words(kind)} run");
        var account = FleetMasterData.Operator;
        var position = ledger.Journal.Length;
        var run = new RunId($"{account}-{LocalDatePattern.Iso.Format(plan.Day)}-{Shown.Words(kind)}");
        var order = new RunSettlement(run, account, plan.Day, kind, supersedes, position);
        var outcome = await ledger.Commands.Send(new Command<RunSettlement>(
            order, new Submission(Encoding.UTF8.GetBytes(run.Value), "settlement order"), By(account),
            new IdempotencyKey(run.Value)), ct)
            .ConfigureAwait(false);
        if (outcome is not RecordOutcome.Recorded) throw new CouldNotException($"the day cannot be settled: {outcome}");
        var calculated = await Settlements.CalculateAsync(
            ledger.Journal, ledger.Views, account, plan.Day, position, ct).ConfigureAwait(false);
        return new DemoRun(run, position, ((SettlementCalculation.Calculated)calculated).Statement);
    }

    private Principal By(PartyId party) => ledger.Operator("demo") with { Party = party };
}
