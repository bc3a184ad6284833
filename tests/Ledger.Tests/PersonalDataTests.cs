using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Whoever is named in what comes in is found before anything is kept, at every door and in every form; and no fact has
/// a member in which a person is named.
/// </summary>
public sealed class PersonalDataTests
{
    private const string Card = "04A2B3C4D5E6F7";

    /// <summary>Every text of every fact, and why it names nobody. A new member has to be put here with its reason, or
    /// be sealed.</summary>
    private static readonly Dictionary<string, string> WhyNobody = new()
    {
        ["identifier"] = "an identifier of a place, an order, a programme, a tariff, a run or a company, by its type",
        ["digest"] = "a hash: salted or keyed where what it is of names somebody",
        ["AccessKeyIssued.Holder"] = "an identifier of staff or of a device, who answer for what they do",
        ["AccessKeyRevoked.Reason"] = "why a key ends, of the ledger's own staff",
        ["DataRead.By"] = "an identifier of staff, who answer for what they read",
        ["ReadCount.Operation"] = "the name of a resource",
        ["ReadCount.Of"] = "an identifier of a place, an order, a run or a company, or a day",
        ["BaselineFrozen.Method"] = "the name of a method",
        ["BaselineFrozen.Zone"] = "a time zone",
        ["BaselineFrozen.Insufficient"] = "our own sentence",
        ["BaselineFrozen.Notes"] = "our own sentences",
        ["BaselineFrozen.RuleVersion"] = "a version",
        ["BaselineDayUse.Reason"] = "our own sentence",
        ["BaselineCorrection.Reason"] = "our own sentence",
        ["ChargingFactRecorded.Source"] = "which device observed it",
        ["ChargingStateRecorded.Fault"] = "a device's words",
        ["ChargingStateRecorded.Source"] = "which device observed it",
        ["DemandCharge.Name"] = "the name of a charge of a tariff",
        ["ChargeRecorded.Currency"] = "a currency",
        ["DisputeAnswered.Answer"] = "a company's words about lines of a run",
        ["DisputeClosed.Reason"] = "a company's words about lines of a run",
        ["DisputeOpened.Reason"] = "a company's words about lines of a run",
        ["EnrolmentEnded.Reason"] = "an operator's words of a programme",
        ["EvidenceDisclosed.By"] = "an identifier of staff, who answer for what they read",
        ["EvidenceDisclosed.What"] = "a command",
        ["EvidenceKept.Note"] = "our own sentence, without what it quotes where the evidence names somebody",
        ["EvidenceKept.Source"] = "the name of a file, without the subjects' names",
        ["EvidenceRefused.Detail"] = "our own sentence, without what it quotes where the evidence names somebody",
        ["EvidenceRefused.Source"] = "the name of a file, without the subjects' names",
        ["FramesDropped.By"] = "an identifier of staff, who answer for what they order to be dropped",
        ["FramesDropped.Reason"] = "why frames are dropped, of the ledger's own staff; a frame names nobody",
        ["InstructionClockRecorded.Source"] = "which device observed it",
        ["InstructionWithdrawn.Reason"] = "an operator's words of an order",
        ["IntervalEstimated.Basis"] = "what an estimate is from",
        ["IntervalReadingCorrected.Reason"] = "of a meter",
        ["IntervalReadingCorrected.Method"] = "the name of a method",
        ["IntervalReadingRecorded.Method"] = "the name of a method",
        ["MeterFindingRecorded.Saw"] = "our own sentence",
        ["IntervalRecorded.Reason"] = "our own sentence",
        ["JournalRecovered.By"] = "who of the staff accepts a loss, and answers for it",
        ["LedgerRestored.By"] = "who of the staff makes a copy the ledger, and answers for it",
        ["RefusalReleased.By"] = "an identifier of staff, who answer for what they release",
        ["RefusalReleased.Reason"] = "why evidence may be taken again, of the ledger's own staff",
        ["LegalHoldReleased.Case"] = "the number of a case",
        ["LegalHoldSet.Case"] = "the number of a case",
        ["MeterClassDeclared.AccuracyClass"] = "a class of meters",
        ["MeterClassDeclared.MeterSerial"] = "a meter",
        ["MeterFindingRecorded.Rule"] = "the name of a rule",
        ["MeterKeyRegistered.MeterSerial"] = "a meter",
        ["MeterKeyRegistered.PublicKey"] = "a meter's key",
        ["OutageRecorded.Source"] = "which device or system observed it",
        ["ProgrammePublished.Currency"] = "a currency",
        ["ProgrammePublished.Service"] = "the name of a service",
        ["RegisterInstalled.MeterSerial"] = "a meter",
        ["RegisterReadingCorrected.Reason"] = "of a meter",
        ["RegisterReadingQuarantined.Detail"] = "our own sentence",
        ["RulePackPublished.Source"] = "a document",
        ["SessionRequested.Source"] = "which device or system asked",
        ["SettlementPointRegistered.Zone"] = "a time zone",
        ["PublishedFlexibility.Currency"] = "a currency",
        ["SettlementDeltasBooked.Currency"] = "a currency",
        ["SettlementDeltasBooked.RuleVersion"] = "a version",
        ["SettlementDeltasBooked.TzdbVersion"] = "a version",
        ["SettlementMonthClosed.ClosedBy"] = "an identifier of staff, who answer for what they close",
        ["SettlementMonthClosed.Currency"] = "a currency",
        ["SettlementRunPublished.CalculatedBy"] = "an identifier of staff, who answer for what they calculate",
        ["SettlementRunPublished.PublishedBy"] = "an identifier of staff, who answer for what they publish",
        ["SettlementRunCompleted.Currency"] = "a currency",
        ["SettlementRunCompleted.RuleVersion"] = "a version",
        ["SettlementRunCompleted.TzdbVersion"] = "a version",
        ["SettlementRunCompleted.Zone"] = "a time zone",
        ["Posting.Account"] = "an account of a company",
        ["SigningKeyRegistered.Handover"] = "a note of the ledger's key",
        ["SigningKeyRegistered.Key"] = "the ledger's key",
        ["StandardDeclared.Certificate"] = "a number",
        ["StandardDeclared.Issuer"] = "who certifies: a company",
        ["StandardDeclared.Standard"] = "a standard",
        ["StandingLimitSet.Source"] = "a document",
        ["StandingLimitSet.Zone"] = "a time zone",
        ["TariffFee.Name"] = "the name of a fee of a tariff",
        ["TariffPublished.Currency"] = "a currency",
        ["TariffPublished.Zone"] = "a time zone",
        ["TariffTerms.UseBy"] = "the name of a charge of a tariff",
    };

    [Fact]
    public void No_fact_has_a_member_in_which_a_person_is_named()
    {
        var seen = new HashSet<Type>();
        var texts = typeof(LedgerEvent).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(LedgerEvent)))
            .SelectMany(type => Texts(type, seen)).Distinct().Order(StringComparer.Ordinal).ToList();
        texts.Count.ShouldBeGreaterThan(40);
        texts.Except(WhyNobody.Keys).ShouldBeEmpty();
    }

    /// <summary>The members of a type, and of the types that it is made of, that hold a text.</summary>
    private static IEnumerable<string> Texts(Type type, HashSet<Type> seen)
    {
        if (!seen.Add(type)) yield break;
        foreach (var member in type.GetConstructors().MaxBy(made => made.GetParameters().Length)?.GetParameters() ?? [])
        {
            var of = member.ParameterType;
            of = Nullable.GetUnderlyingType(of) ?? of;
            while (of.IsGenericType) of = of.GenericTypeArguments[0];
            if (of == typeof(string)) yield return $"{type.Name}.{member.Name}";
            else if (of == typeof(EvidenceDigest) || of == typeof(SubjectPseudonym)) yield return "digest";
            else if (of.Namespace == typeof(LedgerEvent).Namespace && !of.IsEnum)
                if (of.GetConstructors().Any(made => made.GetParameters() is [{ ParameterType: var only }]
                    && only == typeof(string))) yield return "identifier";
                else foreach (var inner in Texts(of, seen)) yield return inner;
        }
    }

    private const string Value =
        $$"""OCMF|{"FV":"1.0","PG":"T1","MS":"M1","IS":true,"IT":"ISO14443","ID":"{{Card}}","RD":[]}|{"SD":"00"}""";

    public static TheoryData<string, string, string> Forms => new()
    {
        { "a signed value", Value, Card },
        { "one whose identification is written with escapes", Value.Replace("04A2", "\\u0030\\u0034A2"), Card },
        { "a damaged one", Value[..90], Card },
        { "one that says nothing of whom", "OCMF|{\"FV\":\"1.0\",\"MS\":", "unreadable" },
        { "a container", $"<values><value><signedData format=\"OCMF\">{Value}</signedData></value></values>", Card },
        { "one in base64", $"<values><value><signedData format=\"OCMF\" encoding=\"base64\">{Convert.ToBase64String(
            Encoding.UTF8.GetBytes(Value))}</signedData></value></values>", Card },
        { "its transaction", "<values><value transactionId=\"77\"><signedData>OCMF|{}|{}</signedData></value></values>",
            "session/77" },
        { "a damaged container", $"<values><value><signedData>{Value}", "unreadable" },
        { "another format", "<Billing><user>X</user></Billing>", "unreadable" },
        { "a charge record", $$"""{"contract_id":"{{Card}}","kwh":3}""", Card },
        { "a request of a station",
            $$$"""{"idToken":{"idToken":"{{{Card}}}","type":"ISO14443"}}""", Card },
        { "an erasure that is not understood",
            $$"""{"type":"subject-erasure","subject":"{{Card}}","reason":"because"}""", Card },
        { "a table that nobody reads", $"time;rfid;kwh\n2026-01-01;{Card};3\n", "unreadable" },
        { "a damaged zip", "PK\u0003\u0004 and nothing more", "unreadable" },
        { "a row of sessions", "Session,CCS,Arrival,Departure,a,b,c\n88,1,no time,,,,\n", "session/88" },
    };

    /// <summary>Whatever is kept of it can be erased with the one whom it names, and nothing in plain says who.
    /// </summary>
    [Theory, MemberData(nameof(Forms))]
    public async Task What_is_kept_is_sealed_under_whom_it_names(string what, string text, string subject)
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(text, new IntakeHints(Zone: DateTimeZone.Utc), $"from {subject}");
        var facts = await ledger.FactsAsync();
        var kept = facts.Select(NamedEvidence.Of).OfType<EvidenceDigest>().Distinct().ToList();
        kept.ShouldNotBeEmpty(what);
        var pseudonym = ledger.Ledger.Evidence.PseudonymOf(subject);
        foreach (var piece in kept)
            ledger.Ledger.Evidence.Find(piece)!.Subjects.Select(id => id.Subject).ShouldContain(pseudonym, what);
        foreach (var fact in facts)
            foreach (var name in (string[])[Card, subject])
                EventCodec.ToJson(fact).ShouldNotContain(name, Case.Insensitive, what);
        ledger.Ledger.Evidence.DestroyKeys(pseudonym, 1);
        foreach (var piece in kept)
            Should.Throw<EvidenceErasedException>(() => ledger.Ledger.Evidence.Get(piece), what);
    }

    [Theory]
    [InlineData("OCMF|{\"FV\":\"1.0\",\"PG\":\"T1\",\"MS\":\"M1\",\"RD\":[]}|{\"SD\":\"00\"}")]
    [InlineData("{\"type\":\"cdr\",\"kwh\":3}")]
    [InlineData("point,time,mw\nCP1,2026-01-01T00:00:00Z,3\n")]
    [InlineData("nonsense")]
    public async Task What_names_nobody_is_kept_as_before_under_its_plain_digest(string text)
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(text);
        var refused = (await ledger.FactsAsync()).OfType<EvidenceRefused>().ShouldHaveSingleItem();
        ledger.Ledger.Evidence.Find(refused.Evidence)!.Subjects.ShouldBeEmpty();
        refused.Evidence.Hex.ShouldBe(Convert.ToHexStringLower(
            System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(text))));
    }

    /// <summary>A hint names the one whom all of a file is about, beside those whom it names itself; either can have it
    /// erased, and a case that holds one of them holds both.</summary>
    [Fact]
    public async Task Either_of_two_can_have_erased_what_names_both_unless_a_case_holds_one()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync($$"""{"contract_id":"{{Card}}"}""", new IntakeHints(Subject: "Jane"));
        var kept = (await ledger.FactsAsync()).OfType<EvidenceRefused>().Single().Evidence;
        ledger.Ledger.Evidence.Find(kept)!.Subjects.Count.ShouldBe(2);
        await ledger.TakeAsync("""{"type":"legal-hold","subject":"jane","case":"C1"}""");
        var held = await ledger.TakeAsync($$"""{"type":"subject-erasure","subject":"{{Card}}","reason":"requested"}""");
        held.Parts.Single().Outcome.ShouldBe(new RecordOutcome.Refused(Rejection.LegalHold, "held by case C1"));
        ledger.Ledger.Evidence.Get(kept).ShouldNotBeNull();
        await ledger.TakeAsync("""{"type":"legal-hold","subject":"JANE ","case":"C1","release":true}""");
        var erased = await ledger.TakeAsync("""{"type":"subject-erasure","subject":"Jane","reason":"unlawful"}""");
        erased.Parts.Single().Outcome.ShouldBeOfType<RecordOutcome.Recorded>();
        Should.Throw<EvidenceErasedException>(() => ledger.Ledger.Evidence.Get(kept));
    }
}
