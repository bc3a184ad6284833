using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Api.Resources;

/// <summary>Reads a request's body that is no fact: one strict JSON object, whose refusal is told and not kept.
/// </summary>
internal static class BodyReading
{
    /// <param name="depthMax">How deep it nests at most.</param>
    public static T Read<T>(
        ReadOnlyMemory<byte> text, Func<InputValue, T> read, int depthMax = InputValue.DepthMax)
    {
        if (IntakeText.Check(text.Span) is { } unreadable)
            throw new BodyRefusedException(unreadable.Code, unreadable.Detail);
        try
        {
            using var document = InputValue.Parse(IntakeText.WithoutByteOrderMark(text), depthMax);
            return read(new InputValue("input", document.RootElement));
        }
        catch (InputRefusedException refused)
        {
            throw new BodyRefusedException(refused.Code, refused.Detail);
        }
    }
}

/// <summary>A body breaks a rule; nothing was recorded, so nothing is kept of it.</summary>
public sealed class BodyRefusedException(Rejection code, string detail) : Exception(detail)
{
    public Rejection Code => code;
}
