using System.Text;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Tests;

/// <summary>A real ledger in a temporary folder, with the door through which every file and text comes in.</summary>
internal sealed class IntakeLedger : IAsyncDisposable
{
    public static readonly Principal Operator = new("operator", new PartyId("ACME"), Scopes.All);

    /// <summary>A connector with an import and an export register, three decimals, before any reading.</summary>
    public const string Connector = """
        {"type":"settlement-point","point":"CP1","station":"S1","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}
        {"type":"register","point":"CP1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}
        {"type":"register","point":"CP1","direction":"export","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}
        """;

    private readonly TestFolder folder = new();

    public IntakeLedger()
    {
        Ledger = OpenLedger.Open(folder.Options);
        Intake = new Intake(Ledger.Commands, Ledger.Recorder, _ => ValueTask.FromResult(InstalledMeters.Of(
            Registers.Select(known => new RegisterInForce(NodaTime.Instant.MinValue,
                new RegisterInstalled(known.Value, known.Key.Serial, 9, 3, 1, null))))));
    }

    public OpenLedger Ledger { get; }
    public Intake Intake { get; }
    public StandingClock Clock => folder.Clock;
    /// <summary>What the register directory knows.</summary>
    public Dictionary<(string Serial, Direction Direction), RegisterId> Registers { get; } = [];

    public Task<IntakeReport> TakeAsync(string text, IntakeHints? hints = null, string name = "file") =>
        TakeAsync(Encoding.UTF8.GetBytes(text), hints, name);

    public Task<IntakeReport> TakeAsync(byte[] bytes, IntakeHints? hints = null, string name = "file") =>
        Intake.TakeAsync(new Submission(bytes, name), hints
            ?? new IntakeHints(), Operator, TestContext.Current.CancellationToken);

    public async Task<List<LedgerEvent>> FactsAsync() =>
        (await TestFolder.AllAsync(Ledger.Journal)).ConvertAll(EventCodec.Decode);

    public async ValueTask DisposeAsync()
    {
        await Ledger.DisposeAsync();
        folder.Dispose();
    }
}
