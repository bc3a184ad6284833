using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using MediatR;

namespace Ledger.Ingest;

/// <summary>One fact as its text says it, before any rule of its concept has judged it.</summary>
internal abstract record FactInput
{
    private FactInput() { }

    /// <summary>An input that is complete, ready for the pipeline whatever its type.</summary>
    public abstract record Complete : FactInput
    {
        /// <summary>The one place where what came in from outside is handed to the pipeline.</summary>
        internal abstract Task<RecordOutcome> SendAsync(
            IMediator mediator, Submission raw, Principal by, IdempotencyKey key, CancellationToken ct);
    }

    /// <summary>An input of the type that its concept decides.</summary>
    public sealed record Of<TInput>(TInput Input) : Complete where TInput : notnull
    {
        internal override Task<RecordOutcome> SendAsync(
            IMediator mediator, Submission raw, Principal by, IdempotencyKey key, CancellationToken ct) =>
            mediator.Send(new Command<TInput>(Input, raw, by, key), ct);
    }

    /// <summary>A reading, which is complete only with its register's decimals.</summary>
    internal sealed record Reading(IndexRead Index) : FactInput;

    /// <summary>What another standard calls an event: several facts, in the name of whoever hands it in.</summary>
    internal sealed record Event(Func<PartyId, IReadOnlyList<EventPart>> Parts) : FactInput;
}

/// <summary>
/// From one strict JSON object to one input, or to the refusal that names field, value and rule. Units stand in the
/// names of the members, numbers are JSON numbers or decimal strings and are read exactly, times are ISO 8601 with an
/// offset or Z. The member <c>type</c> says which fact it is; where the route says so, it may be left out.
/// </summary>
public static class FactText
{
    /// <summary>The member that names the fact.</summary>
    internal const string TypeMember = "type";

    /// <summary>A charge record of OCPI, which names no type of its own.</summary>
    private const string ChargeRecord = "charge-record";

    /// <summary>An event of OpenADR 3, which names no type of its own.</summary>
    internal const string OpenAdrEvent = "openadr-event";

    private static readonly Dictionary<string, Func<InputValue, FactInput>> readers = new(StringComparer.Ordinal)
    {
        ["settlement-point"] = MeteringText.SettlementPoint,
        ["register"] = MeteringText.Register,
        ["meter-class"] = MasterDataText.MeterClass,
        ["meter-key"] = MasterDataText.MeterKey,
        ["point-place"] = MasterDataText.PointPlace,
        ["loss-factor"] = MasterDataText.LossFactor,
        ["register-reading"] = MeteringText.RegisterReading,
        ["register-reading-correction"] = MeterCorrectionText.Reading,
        ["interval-reading-correction"] = MeterCorrectionText.Interval,
        ["interval-estimate"] = MeterCorrectionText.Estimate,
        ["instruction"] = DispatchText.Instruction,
        ["instruction-clock"] = DispatchText.Clock,
        ["instruction-withdrawal"] = DispatchText.Withdrawal,
        ["charging-fact"] = DispatchText.ChargingFact,
        ["charging-state"] = DispatchText.ChargingState,
        ["reason-claim"] = DispatchText.Claim,
        ["programme"] = ProgrammeText.Programme,
        ["enrolment"] = ProgrammeText.Enrolment,
        ["enrolment-end"] = ProgrammeText.EnrolmentEnd,
        ["availability"] = ProgrammeText.Availability,
        ["declared-schedule"] = PlanText.Schedule,
        ["session-request"] = PlanText.SessionRequest,
        ["outage"] = PlanText.Outage,
        ["delivery-claim"] = ProgrammeText.Claim,
        ["baseline-freeze"] = BaselineFreezeText.Freeze,
        ["standing-limit"] = LimitText.StandingLimit,
        ["tariff"] = TariffText.Tariff,
        ["tariff-assignment"] = TariffText.Assignment,
        ["rule-pack"] = RulePackText.Pack,
        ["run-publication"] = SettlementText.Publication,
        ["month-close"] = SettlementText.Close,
        ["dispute"] = SettlementText.Dispute,
        ["dispute-answer"] = SettlementText.Answer,
        ["dispute-closure"] = SettlementText.DisputeEnd,
        ["standard"] = StandardText.Declared,
        ["signing-key"] = SigningKeyText.Registered,
        ["frame-dropping"] = RetentionText.FrameDropping,
        [ChargeRecord] = ChargeRecordText.Record,
        [OpenAdrEvent] = OpenAdrEventText.Event,
        ["subject-erasure"] = SubjectText.Erasure,
        ["refusal-release"] = RefusalText.Release,
        ["legal-hold"] = SubjectText.Hold,
        ["disclosure"] = SubjectText.Disclosure,
        ["access-key"] = AccessText.Issued,
        ["access-key-revocation"] = AccessText.Revoked,
    };

    /// <summary>The names of all facts that can be read from text.</summary>
    public static IReadOnlyCollection<string> Types => readers.Keys;

    /// <summary>Why a text says no fact of a type, or of the type that it names; null where it does.</summary>
    public static Refusal? Check(ReadOnlyMemory<byte> json, string? type) => Read(json, type, out _);

    /// <summary>Reads one object; <paramref name="type"/> is what the route says,
    /// null where only the text does.</summary>
    internal static Refusal? Read(ReadOnlyMemory<byte> json, string? type, out FactInput? fact)
    {
        fact = null;
        if (IntakeText.Check(json.Span) is { } unreadable) return unreadable;
        try
        {
            using var document = InputValue.Parse(IntakeText.WithoutByteOrderMark(json));
            fact = Read(new InputValue("input", document.RootElement), type);
            return null;
        }
        catch (InputRefusedException refused)
        {
            return Refusal.Of(refused.Code, refused.Detail);
        }
    }

    /// <summary>The same of a parsed object; a fault is thrown as <see cref="InputRefusedException"/>.</summary>
    internal static FactInput Read(InputValue input, string? route)
    {
        var named = input.Member(TypeMember)?.Text();
        if (route is not null && named is not null && named != route)
            throw input.Member(TypeMember)!.Value.Refused(Rejection.UnknownField,
                $"must be \"{route}\" or left out here");
        var type = route ?? named ?? (input.Member(ChargeRecordText.Mark) is not null ? ChargeRecord
            : input.Member(OpenAdrEventText.Mark) is not null ? OpenAdrEvent : null)
            ?? throw new InputRefusedException(Rejection.MissingField, TypeMember, "",
                $"must be one of {string.Join(", ", Types)}");
        return readers.TryGetValue(type, out var read)
            ? read(input)
            : throw new InputRefusedException(Rejection.UnknownFormat, TypeMember, type,
                $"must be one of {string.Join(", ", Types)}");
    }
}
