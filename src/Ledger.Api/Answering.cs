using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;

namespace Ledger.Api;

/// <summary>What a caller is told of one fact.</summary>
/// <param name="Outcome">recorded, alreadyRecorded or quarantined.</param>
/// <param name="Position">Its place in the journal; null where nothing says which fact it is.</param>
/// <param name="Detail">Why it is quarantined, or what whoever sent it again ought to know.</param>
public sealed record FactAnswer(
    [property: Choices("recorded", "alreadyRecorded", "quarantined")] string Outcome, long? Position,
    int? Code = null, string? Name = null,
    string? Detail = null);

/// <summary>An RFC 9457 problem. <c>code</c> and <c>name</c> are the refusal's,
/// the same in every door and document.</summary>
public sealed record ProblemAnswer(string Type, string Title, int Status, string Detail, int? Code, string Name);

/// <summary>From an outcome to an HTTP answer: the one table of statuses.</summary>
internal static class Answering
{
    /// <summary>The position that an answer is about: of the fact recorded,
    /// or of the last event that a read includes.</summary>
    public const string PositionHeader = "Ledger-Position";

    public static IResult Of(RecordOutcome outcome) => outcome switch
    {
        RecordOutcome.Recorded recorded => Fact(201, new("recorded", recorded.Position, Detail: recorded.Detail)),
        RecordOutcome.AlreadyRecorded before => Fact(200, new("alreadyRecorded", before.Position, Detail: before.Detail)),
        RecordOutcome.Quarantined held =>
            Fact(202, new("quarantined", held.Position, (int)held.Code, $"{held.Code}", held.Detail)),
        RecordOutcome.Conflict conflict =>
            Problem(409, Rejection.EvidenceConflict,
                $"the same evidence came before with other content: {conflict.Differs}"),
        RecordOutcome.Refused refused => Problem(StatusOf(refused.Code), refused.Code, refused.Detail),
        RecordOutcome.Several { Parts: [var only] } => Of(only),
        RecordOutcome.Unkept unkept => NotKept(unkept),
        RecordOutcome.Busy => Busy("the ledger has as much to write as it can hold"),
        _ => throw new InvalidOperationException($"one fact has no outcome {outcome}"),
    };

    public static int StatusOf(Rejection code) => code switch
    {
        Rejection.TooLarge => 413,
        Rejection.NotAuthorised => 403,
        Rejection.NotReached => 404,
        Rejection.EvidenceConflict => 409,
        _ => 422,
    };

    public static IResult Problem(int status, Rejection code, string detail) =>
        new JsonAnswer<ProblemAnswer>(status, new ProblemAnswer($"urn:ledger:refusal:{code}", Words($"{code}"), status, detail,
            (int)code, $"{code}"), null, BusySeconds);

    /// <summary>A problem that is no refusal of a fact.</summary>
    public static IResult Problem(int status, ProblemName name, string detail) =>
        Problem(status, name, detail, BusySeconds);

    private static JsonAnswer<ProblemAnswer> Problem(
        int status, ProblemName name, string detail, int retryAfterSeconds) =>
        new(status, new ProblemAnswer($"urn:ledger:problem:{name}", Words($"{name}"), status, detail, null, $"{name}"),
            null, retryAfterSeconds);

    private const int BusySeconds = 1;

    /// <summary>What was refused and not kept: whoever sent it keeps it, and may send it again.</summary>
    private static JsonAnswer<ProblemAnswer> NotKept(RecordOutcome.Unkept unkept) => Problem(
        unkept.Why == Shortage.Disk ? 503 : 429,
        unkept.Why == Shortage.Disk ? ProblemName.StorageLow : ProblemName.RefusedTooMuch,
        unkept.Said, (int)Math.Ceiling(unkept.Again.TotalSeconds));

    public static IResult Busy(string detail) => Problem(429, ProblemName.Busy, $"{detail}; send it again");

    /// <summary>What a read found, and the position of the last event that is in it.</summary>
    public static JsonAnswer<T> Read<T>(T found, long? position, int status = 200) where T : class =>
        new(status, found, position, BusySeconds);

    private static JsonAnswer<FactAnswer> Fact(int status, FactAnswer answer) => Read(answer, answer.Position, status);

    /// <summary>ReadInTheFuture is "read in the future".</summary>
    private static string Words(string name) => string.Concat(name.Select((letter, i) =>
        i == 0 ? $"{letter}" : char.IsUpper(letter) ? $" {char.ToLowerInvariant(letter)}" : $"{letter}"));
}
