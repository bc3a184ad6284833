using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Exchange;

/// <summary>
/// <c>ledger export tcec PARTY DAY</c>: the charging sessions of a party's connectors that ended on a day as charge
/// orders after T/CEC 102, split and priced as the party's own statement is, and the check that sums them up. What is
/// signed and encrypted around them belongs to the connection between two operators and not to their content.
/// </summary>
static class ExportOrders
{
    public const string Name = "tcec";

    public static IReadOnlyList<Option> Options { get; } =
    [
        new("--operator", "ID", "tcec: the operator's nine characters, with which its order numbers begin"),
        new("--service-price", "PRICE", "tcec: per kWh beside the price of energy, of four decimals at most; 0 without it"),
    ];

    public static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var (party, day) = ExportRecords.PartyAndDay(line, Name);
        var seller = line.Required("--operator");
        if (seller.Length != TcecText.OperatorIdLength || !seller.All(char.IsAsciiLetterOrDigit))
            throw new UsageException($"--operator has {TcecText.OperatorIdLength} letters and digits, not '{seller}'");
        var service = line.Option<decimal>("--service-price", TryPrice,
            "a price like 0.8, of four decimals at most") ?? 0m;
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var position = await ExportRecords.PositionAsync(ledger, line, ct).ConfigureAwait(false);
        var sessions = (await EndedSessions.GatherPricedAsync(ledger.Journal, ledger.Views, party, day, position, ct)
            .ConfigureAwait(false)).ToList();
        var facts = await SettlementFacts.GatherAsync(ledger.Journal, ledger.Views, party, day, position, ct)
            .ConfigureAwait(false);
        if (facts.Tariff is not { } tariff)
            throw new CouldNotException($"{party} has no tariff on {LocalDatePattern.Iso.Format(day)}");
        var orders = new List<TcecOrder>();
        for (var i = 0; i < sessions.Count; i++)
        {
            if (sessions[i] is not { Why: null, Session: var stay } session) continue;
            if (stay.Point.Value.Length > TcecText.ConnectorIdMax)
                throw new CouldNotException(
                    $"{stay.Point} is longer than the {TcecText.ConnectorIdMax} characters of a ConnectorID");
            if (TcecOrders.Of(session, Seq(seller, $"{stay.Point}/{Text(stay.Start)}"), service) is { } order)
                orders.Add(order);
            else sessions[i] = session with { Why = Unpriced };
        }
        var whole = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[tariff.Zone], day);
        await ExportRecords.WriteAsync(line, shell, new JsonObject
        {
            ["orders"] = new JsonArray([.. orders.Select(order => (JsonNode)TcecText.Write(order))]),
            ["check"] = TcecText.Write(TcecCheck.Of(whole, orders), Seq(seller, $"check/{party}/{Text(whole.Start)}")),
        }, sessions, ct).ConfigureAwait(false);
        return sessions.All(session => session.Why is null) ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    const string Unpriced = "the price changes inside one of its settlement periods and no meter says how much flowed "
        + "before it, or one of its days has no tariff";

    /// <summary>The same order has the same number for ever: the operator's id and 18 digits.</summary>
    static string Seq(string seller, string of)
    {
        var hash = new BigInteger(SHA256.HashData(Encoding.UTF8.GetBytes($"order/{of}")), isUnsigned: true);
        var digits = TcecText.SeqLength - TcecText.OperatorIdLength;
        return seller + (hash % BigInteger.Pow(10, digits)).ToString(CultureInfo.InvariantCulture)
            .PadLeft(digits, '0');
    }

    static string Text(Instant at) => InstantPattern.ExtendedIso.Format(at);

    /// <summary>More than any price of a kWh.</summary>
    const decimal priceMax = 1_000_000_000m;

    static bool TryPrice(string text, out decimal price) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out price)
        && price <= priceMax && Math.Round(price, TcecOrders.PriceDecimals) == price;
}
