using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>credible {calls: [{deliveredKw, orderedKw, uncertaintyKw?, delaySeconds?, rampKwPerS?, connected?}],
/// confidencePercent?, successPercent?}</c>: what a resource's calls let anyone promise of it, over all calls and for
/// each number of connected vehicles.
/// </summary>
static class CredibleCalculator
{
    const int confidenceDefault = 95_0000; // millionths
    const int successDefault = 100_0000; // millionths: the whole order, for certain
    const int connectedMax = 100_000;
    const long delayMaxInMicroseconds = 86_400L * 1_000_000;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("calls", "confidencePercent", "successPercent");
        var confidence = (int?)asked.Optional("confidencePercent")?.Units(
            4, 1, 99_9999, "must be above 0 and below 100 with at most 4 decimals") ?? confidenceDefault;
        var success = (int?)asked.Optional("successPercent")?.Units(
            4, 1, 100_0000, "must be above 0 and at most 100 with at most 4 decimals") ?? successDefault;
        var rows = asked.Required("calls");
        var given = rows.Array();
        if (given.Count > Credibility.CallsMax)
            throw rows.Refused(Rejection.WrongCount, $"at most {Credibility.CallsMax} calls");
        var rounded = false;
        var calls = new List<(int? Connected, DispatchCall Call)>(given.Count);
        foreach (var row in given) calls.Add(Call(row, ref rounded));

        var answer = Answer(calls, success, confidence);
        answer["byConnected"] = new JsonArray([.. calls.Where(call => call.Connected is not null)
            .GroupBy(call => call.Connected!.Value).OrderBy(group => group.Key).Select(group =>
            {
                var window = Answer([.. group], success, confidence);
                window.Insert(0, "connected", group.Key);
                return (JsonNode)window;
            })]);
        answer["powerRounded"] = rounded;
        return answer;
    }

    static (int? Connected, DispatchCall Call) Call(InputValue row, ref bool rounded)
    {
        var call = row.Object(
            "deliveredKw", "orderedKw", "uncertaintyKw", "delaySeconds", "rampKwPerS", "connected");
        var ordered = call.Required("orderedKw");
        var orderedMilliwatts = ordered.Milliwatts(ref rounded);
        if (orderedMilliwatts <= 0)
            throw ordered.Refused(Rejection.OutOfRange, "must be above zero, whatever the direction");
        var delivered = call.Required("deliveredKw").Milliwatts(ref rounded);
        var uncertainty = call.Optional("uncertaintyKw");
        var uncertaintyMilliwatts = uncertainty?.Milliwatts(ref rounded) ?? 0;
        if (uncertaintyMilliwatts < 0) throw uncertainty!.Value.Refused(Rejection.OutOfRange, "must not be negative");
        var delay = call.Optional("delaySeconds")?.Units(
            6, 0, delayMaxInMicroseconds, "must be seconds with at most 6 decimals, not negative, at most a day");
        var ramp = call.Optional("rampKwPerS");
        if (ramp?.Decimal() < 0) throw ramp.Value.Refused(Rejection.OutOfRange, "must not be negative");
        return (call.Optional("connected")?.Integer(0, connectedMax),
            new(orderedMilliwatts, delivered, uncertaintyMilliwatts, delay, ramp?.Decimal()));
    }

    static JsonObject Answer(List<(int? Connected, DispatchCall Call)> calls, int success, int confidence)
    {
        var window = Credibility.Window(calls.ConvertAll(call => call.Call), success, confidence);
        return new JsonObject
        {
            ["calls"] = window.Calls,
            ["said"] = window.Successes is null
                ? $"no figure: {window.Calls} of {Credibility.CallsMin} calls are known" : null,
            ["successes"] = window.Successes,
            ["successRate"] = window.Successes is { } kept ? new Fraction(kept, window.Calls).ToText(6) : null,
            ["successRateAtLeast"] = window.SuccessRateAtLeastMillionths is { } rate ? Text(rate / 1_000_000m) : null,
            ["deliveredKw90"] = Kilowatts(window.Delivered90),
            ["deliveredKw95"] = Kilowatts(window.Delivered95),
            ["credibleKw90"] = Kilowatts(window.Credible90),
            ["credibleKw95"] = Kilowatts(window.Credible95),
            ["orderedKwMost"] = Kilowatts(window.OrderedMost),
            ["delaySeconds"] = Spread(window.Delay, delay => Text(delay / 1_000_000m)),
            ["rampKwPerS"] = Spread(window.Ramp, Text),
        };
    }

    static JsonObject Spread<T>(Spread<T> spread, Func<T, string> text) where T : struct => new()
    {
        ["values"] = spread.Values,
        ["p5"] = spread.Fifth is { } fifth ? text(fifth) : null,
        ["p50"] = spread.Median is { } median ? text(median) : null,
        ["p95"] = spread.NinetyFifth is { } last ? text(last) : null,
    };

    static string? Kilowatts(long? milliwatts) => milliwatts is { } power ? Text(new Power(power).Kilowatts) : null;

    static string Text(decimal value) => value.ToString("0.############################", CultureInfo.InvariantCulture);
}
