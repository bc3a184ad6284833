using System.Text;
using System.Text.Json;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public sealed class EventCodecTests
{
    private static IEnumerable<Type> Facts() => typeof(LedgerEvent).Assembly.GetTypes()
        .Where(type => type.IsAssignableTo(typeof(LedgerEvent)) && !type.IsAbstract)
        .OrderBy(type => type.Name, StringComparer.Ordinal);

    [Fact]
    public void Every_fact_has_one_wire_name() =>
        EventCodec.WireNames.Select(wire => wire.Fact).Distinct().OrderBy(type => type.Name, StringComparer.Ordinal)
            .ShouldBe(Facts());

    [Fact]
    public void Every_fact_comes_back_byte_equal_and_its_bytes_are_the_accepted_ones()
    {
        var text = new StringBuilder();
        foreach (var fact in Facts().Select(type => (LedgerEvent)Example(type)!))
        {
            var encoded = EventCodec.Encode(fact);
            var decoded = EventCodec.Decode(encoded.WireName, encoded.Version, encoded.Payload);
            EventCodec.Encode(decoded).Payload.ShouldBe(encoded.Payload);
            decoded.ShouldBeOfType(fact.GetType());
            var json = EventCodec.ToJson(fact);
            EventCodec.ToJson(EventCodec.FromJson(encoded.WireName, encoded.Version, json)).ShouldBe(json);
            if (encoded.ContentType == EventCodec.JsonContentType)
                Encoding.UTF8.GetString(encoded.Payload).ShouldBe(json);
            text.Append($"{encoded.WireName} {encoded.Version} {json}\n");
        }
        Snapshot.Match(text.ToString(), "EventCodec.payloads");
    }

    [Fact]
    public void Members_that_may_be_absent_come_back_as_null()
    {
        var fact = new RegisterReadingRecorded(
            new RegisterId(new SettlementPointId("CP1"), Direction.Export), Instant.FromUnixTimeTicks(1), 7,
            ReadingQuality.Measured, null);
        EventCodec.Decode("register-reading-recorded", 1, EventCodec.Encode(fact).Payload).ShouldBe(fact);
    }

    /// <summary>The bytes that version 1 of an instruction had; they are never written again and always read.</summary>
    [Fact]
    public void An_instruction_of_version_1_is_a_real_call_of_no_programme()
    {
        var bytes = Encoding.UTF8.GetBytes(Repository.Text("tests/Ledger.Tests/DispatchInstructed.v1.json").Trim());
        var order = EventCodec.Decode("dispatch-instructed", 1, bytes).ShouldBeOfType<DispatchInstructed>();
        (order.Programme, order.Test, order.Targets.Count, order.RampAllowanceMs)
            .ShouldBe((null, null, 2, long.MaxValue));
        EventCodec.Encode(order).Version.ShouldBe(2);
        EventCodec.Encode(order with { Activation = new(800, []) }).Version.ShouldBe(3);
        EventCodec.FromJson("dispatch-instructed", 1, Encoding.UTF8.GetString(bytes))
            .ShouldBeOfType<DispatchInstructed>();
        Should.Throw<PoisonEventException>(() => EventCodec.Decode("dispatch-instructed", 2, bytes));
    }

    /// <summary>What a fact says that an earlier version could say is the same bytes as in that version.</summary>
    [Theory]
    [InlineData("dispatch-instructed", 2, "DispatchInstructed.v2.json")]
    [InlineData("programme-published", 1, "ProgrammePublished.v1.json")]
    [InlineData("tariff-published", 1, "TariffPublished.v1.json")]
    [InlineData("tariff-published", 2, "TariffPublished.v2.json")]
    [InlineData("tariff-assigned", 1, "TariffAssigned.v1.json")]
    [InlineData("baseline-frozen", 1, "BaselineFrozen.v1.json")]
    [InlineData("settlement-point-registered", 1, "SettlementPointRegistered.v1.json")]
    [InlineData("programme-published", 2, "ProgrammePublished.v2.json")]
    [InlineData("programme-published", 3, "ProgrammePublished.v3.json")]
    public void A_fact_that_says_nothing_new_is_written_as_it_always_was(string name, int version, string file)
    {
        var bytes = Encoding.UTF8.GetBytes(Repository.Text($"tests/Ledger.Tests/{file}").Trim());
        var fact = EventCodec.Decode(name, version, bytes);
        var again = EventCodec.Encode(fact);
        (again.WireName, again.Version).ShouldBe((name, version));
        again.Payload.ShouldBe(bytes);
        EventCodec.ToJson(fact).ShouldBe(Encoding.UTF8.GetString(bytes));
        Should.Throw<PoisonEventException>(() => EventCodec.Decode(name, version, "{}"u8));
        LedgerEvent more = fact switch
        {
            DispatchInstructed order => order with { Activation = new(800, [new(new("P1"), new Power(7))]) },
            TariffAssigned assigned => assigned with { Seller = new("retail") },
            SettlementPointRegistered point => point with { GridOperator = new("dso") },
            BaselineFrozen frozen => frozen with { RuleVersion = Baseline.MidnightRuleVersion },
            TariffPublished { Terms: { } terms } tariff => tariff with
            {
                Terms = terms with { Fees = [.. terms.Fees, new("contract", FeeBasis.Day, 1m, 1, null, FeeBearer.Account)] },
            },
            TariffPublished tariff => tariff with { Terms = TariffTerms.None with { TaxPercent = 13m } },
            ProgrammePublished programme when version == 1 =>
                programme with { Redistribution = RedistributionWeight.Ordered },
            ProgrammePublished programme when version == 2 => programme with { Payer = new("dso") },
            _ => (ProgrammePublished)fact with { AvailabilityPerKwHour = 0.5m },
        };
        var next = EventCodec.Encode(more);
        next.Version.ShouldBe(version + 1);
        EventCodec.Encode(EventCodec.Decode(name, version + 1, next.Payload)).Payload.ShouldBe(next.Payload);
        Should.Throw<PoisonEventException>(() => EventCodec.Decode(name, version, next.Payload));
    }

    [Fact]
    public void An_unknown_wire_name_stops_with_its_position()
    {
        var e = Should.Throw<UnknownWireNameException>(() => EventCodec.Decode("from-the-future", 3, "{}"u8, 41));
        (e.WireName, e.Version, e.Position).ShouldBe(("from-the-future", 3, 41L));
        Should.Throw<UnknownWireNameException>(() => EventCodec.Decode("reason-claimed", 2, "{}"u8));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""{"account":"A","tariff":"T","more":1}""")]
    [InlineData("""{"account":"A","account":"A","tariff":"T"}""")]
    [InlineData("""{"account":null,"tariff":"T"}""")]
    [InlineData("""{"account":7,"tariff":"T"}""")]
    [InlineData("""{"account":"a space","tariff":"T"}""")]
    public void A_payload_that_is_not_ours_is_poison(string payload) =>
        Should.Throw<PoisonEventException>(() =>
            EventCodec.Decode("tariff-assigned", 1, Encoding.UTF8.GetBytes(payload), 5))
            .Message.ShouldContain("position 5");

    // As code units: an attribute's text is kept as UTF-8, which has no lone surrogates.
    [Theory]
    [InlineData(0x61, 0x00)]
    [InlineData(0x61, 0xd800)]
    [InlineData(0xdc00, 0xd800)]
    public void Text_that_no_store_keeps_is_refused(int first, int second) =>
        Should.Throw<JsonException>(() => EventCodec.Encode(new InstructionWithdrawn(
            new InstructionId("I"), Instant.FromUnixTimeTicks(0), new string([(char)first, (char)second]))));

    [Fact]
    public void A_price_has_one_text_whatever_its_trailing_zeros()
    {
        static string Encoded(decimal price) => Encoding.UTF8.GetString(EventCodec.Encode(new SettlementRunCompleted(
            new RunId("R"), RunKind.Initial, new PartyId("P"), new LocalDate(2026, 1, 1), "UTC", 0, new TariffId("T"),
            1, "1", "1",
            0, new EvidenceDigest(new string('0', 64)), price, "CNY", [], null, false)).Payload);
        Encoded(1.500m).ShouldBe(Encoded(1.5m));
        Encoded(-0.00m).ShouldBe(Encoded(0m));
        Encoded(100m).ShouldContain("\"total\":\"100\"");
    }

    /// <summary>A value of each type, from the type alone, so that a new fact is tested from its first day.</summary>
    private static object? Example(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner) return Example(inner);
        if (type.IsEnum) return type.GetEnumValues().GetValue(type.GetEnumValues().Length - 1);
        if (type == typeof(string)) return "text 峰 \U0001F50C <\">";
        if (type == typeof(int)) return 42;
        if (type == typeof(long)) return long.MaxValue;
        if (type == typeof(bool)) return true;
        if (type == typeof(decimal)) return -1234.5670m;
        if (type == typeof(Instant)) return Instant.FromUnixTimeTicks(17_700_000_001_234_567);
        if (type == typeof(Interval))
            return new Interval(Instant.FromUnixTimeTicks(-1), Instant.FromUnixTimeSeconds(1_800_000_000));
        if (type == typeof(AnnualDate)) return new AnnualDate(11, 1);
        if (type == typeof(LocalDate)) return new LocalDate(2026, 2, 28);
        if (type == typeof(LocalTime)) return new LocalTime(8, 30);
        if (type == typeof(YearMonth)) return new YearMonth(2026, 2);
        if (type == typeof(Energy)) return new Energy(Int128.MaxValue);
        if (type == typeof(Power)) return new Power(-7);
        if (type == typeof(EvidenceDigest)) return new EvidenceDigest(new string('a', 64));
        if (type == typeof(SubjectPseudonym)) return new SubjectPseudonym(new string('b', 64));
        if (type == typeof(RegisterId)) return new RegisterId(new SettlementPointId("ST/1"), Direction.Export);
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var list = Array.CreateInstance(type.GenericTypeArguments[0], 2);
            for (var i = 0; i < 2; i++) list.SetValue(Example(type.GenericTypeArguments[0]), i);
            return list;
        }
        var constructor = type.GetConstructors().MaxBy(c => c.GetParameters().Length)!;
        var parameters = constructor.GetParameters();
        if (parameters is [{ ParameterType: var only }] && only == typeof(string)) return constructor.Invoke(["id-1"]);
        return constructor.Invoke([.. parameters.Select(p => Example(p.ParameterType))]);
    }
}
