using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The one rule for identifiers, the same for each kind of them.</summary>
public sealed class IdentifierTests
{
    public static IEnumerable<TheoryDataRow<string?, bool>> Texts() =>
    [
        new(null, false), new("", false), new(new string('a', 65), false), new(new string('a', 64), true),
        new("DE*ICE-E_1.2:3/4", true), new("a b", false), new("ä", false), new("a\0", false),
    ];

    [Theory, MemberData(nameof(Texts))]
    public void Each_kind_of_identifier_keeps_the_rule(string? text, bool valid)
    {
        (LedgerId.TryParse(text, out var ledger), ledger.ToString()).ShouldBe((valid, valid ? text : null));
        (SettlementPointId.TryParse(text, out var point), point.ToString()).ShouldBe((valid, valid ? text : null));
        (StationId.TryParse(text, out var station), station.ToString()).ShouldBe((valid, valid ? text : null));
        (PartyId.TryParse(text, out var party), party.ToString()).ShouldBe((valid, valid ? text : null));
        (InstructionId.TryParse(text, out var instruction), instruction.ToString())
            .ShouldBe((valid, valid ? text : null));
        (TariffId.TryParse(text, out var tariff), tariff.ToString()).ShouldBe((valid, valid ? text : null));
        (RunId.TryParse(text, out var run), run.ToString()).ShouldBe((valid, valid ? text : null));
        if (!valid)
            Should.Throw<ArgumentException>(() => new SettlementPointId(text!)).Message.ShouldContain("1 to 64 of A-Z");
    }

    [Fact]
    public void Keys_and_digests_have_their_limits()
    {
        Should.Throw<ArgumentException>(() => new EvidenceKey(""));
        Should.Throw<ArgumentException>(() => new EvidenceKey(new string('k', Limits.TextLengthMax + 1)));
        new EvidenceKey(new string('k', Limits.TextLengthMax)).Value.Length.ShouldBe(Limits.TextLengthMax);
        new EvidenceDigest(new string('0', 64)).Hex.Length.ShouldBe(64);
        foreach (var wrong in new[] { new string('0', 63), new string('0', 63) + "A", new string('g', 64) })
            Should.Throw<ArgumentException>(() =>
                new EvidenceDigest(wrong)).Message.ShouldContain("64 lower-case hex digits");
    }

    [Fact]
    public void Natural_keys_name_all_that_they_are_the_key_of()
    {
        var register = new RegisterId(new("P1"), Direction.Export);
        var at = NodaTime.Instant.FromUtc(2026, 7, 1, 0, 0);
        var quarter = new NodaTime.Interval(at, at + NodaTime.Duration.FromMinutes(15));
        Register.ReadingKey(register, at).Value.ShouldBe("reading/P1/2.8.0/2026-07-01T00:00:00Z");
        Register.IntervalKey(register,
            quarter).Value.ShouldBe("interval/P1/2.8.0/2026-07-01T00:00:00Z/2026-07-01T00:15:00Z");
        Register.InstalledKey(register, "M1").Value.ShouldBe("register/P1/2.8.0/M1");
        IntervalRecords.Key(register.Point, quarter, 2).Value
            .ShouldBe("interval-record/P1/2026-07-01T00:00:00Z/2026-07-01T00:15:00Z/v2");
        SettlementPoint.Key(register.Point, 3).Value.ShouldBe("point/P1/3");
    }
}
