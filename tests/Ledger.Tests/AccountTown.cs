using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>An account in Shanghai with a journal of its own, whose days are calculated as its views know them.
/// </summary>
internal sealed class AccountTown : IAsyncDisposable
{
    public static readonly PartyId Account = new("cpo");
    public static readonly LocalDate Day = new(2026, 3, 2);
    /// <summary>The first instant of that day.</summary>
    public static readonly Instant Midnight = Instant.FromUtc(2026, 3, 1, 16, 0);
    public static readonly Instant Before = Midnight - Duration.FromDays(30);
    public static readonly EvidenceDigest Digest = new(new string('a', 64));

    private readonly TestFolder folder = new();

    public AccountTown() => Journal = folder.Open();

    public SqliteJournal Journal { get; }
    public MemoryViews Views { get; } = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async Task AppendAsync(string stream, LedgerEvent fact, Instant at) =>
        (await Journal.AppendAsync(stream, ExpectedRevision.Any, [NewFact.At(fact, at, new EvidenceKey(
            Journal.Length.ToString(CultureInfo.InvariantCulture)))], TestFolder.Tester, null, Ct))
            .ShouldBeOfType<AppendResult.Recorded>();

    public Task RegisterAsync(SettlementPointId point, SettlementPointKind kind, Instant from, int minutes,
        string owner = "cpo", string zone = "Asia/Shanghai") =>
        AppendAsync(Streams.Point(point), new SettlementPointRegistered(
            point, new("S1"), kind, new(owner), zone, minutes, Power.FromKilowatts(1000), false), from);

    /// <summary>The account's tariff, of one price for import and 0.1 for export.</summary>
    public Task PublishAsync(int version, decimal price, Instant from, TariffTerms? terms = null) =>
        AppendAsync(Streams.Tariff(new("T")), new TariffPublished(
            new("T"), version, "CNY", "Asia/Shanghai",
            [new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), LocalTime.Midnight, null,
                TariffPeriod.Flat)],
            [new(TariffPeriod.Flat, price, 0.1m)], [], 3, 2, terms), from);

    public Task AssignAsync() =>
        AppendAsync(Streams.Assignment(Account), new TariffAssigned(Account, new("T")), Before);

    public async Task<SettlementCalculation> CalculateAsync(LocalDate day)
    {
        await new ProjectionRunner(Journal, Views, StandardProjections.All,
            (wire, version, payload) => EventCodec.Decode(wire, version, payload)).CatchUpAsync(Ct);
        return await Settlements.CalculateAsync(Journal, Views, Account, day, Journal.Length, Ct);
    }

    public async ValueTask DisposeAsync()
    {
        await Journal.DisposeAsync();
        folder.Dispose();
    }
}
