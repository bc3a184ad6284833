using System.Buffers;
using System.Diagnostics;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Microsoft.AspNetCore.Http.Features;

namespace Ledger.Api;

/// <summary>What a request hands in: its body whole, where it came from, and the sender's key.</summary>
internal static class Submissions
{
    /// <summary>The largest body with one fact, in bytes;
    /// a tariff of a year's rules and prices is some tens of kilobytes.</summary>
    public const int FactBytesMax = 1024 * 1024;
    /// <summary>The longest sender's key, in characters.</summary>
    public const int KeyLengthMax = 128;
    public const string KeyHeader = "Idempotency-Key";

    private static long attempts;

    public static async Task<Submission> ReadAsync(HttpContext context, string source)
    {
        var declared = context.Request.ContentLength ?? 0;
        var most = context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize ?? Limits.ImportBytesMax;
        using var body = new MemoryStream((int)Math.Min(declared, most));
        var patience = context.RequestServices.GetRequiredService<ServerOptions>().BodyPatience.ToTimeSpan();
        await ReadAsync(context.Request.Body, body, patience, context.RequestAborted).ConfigureAwait(false);
        return new Submission(body.ToArray(), source);
    }

    /// <summary>How fast a body comes at least, in bytes a second: whoever sends more slowly has one of few places for
    /// hours.</summary>
    private const int BytesPerSecondMin = 64 * 1024, PieceBytes = 64 * 1024;

    /// <summary>Reads a body to its end, for which there is some patience and a time for what has come of it. Throws
    /// where it takes longer.</summary>
    private static async Task ReadAsync(Stream body, MemoryStream into, TimeSpan patience, CancellationToken ct)
    {
        var began = Stopwatch.GetTimestamp();
        using var late = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            while (true)
            {
                var left = patience + TimeSpan.FromSeconds(into.Length / BytesPerSecondMin)
                    - Stopwatch.GetElapsedTime(began);
                late.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
                var read = await body.ReadAsync(piece, late.Token).ConfigureAwait(false);
                if (read == 0) return;
                into.Write(piece, 0, read);
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new BadHttpRequestException(
                $"the body came more slowly than {BytesPerSecondMin} bytes a second", StatusCodes.Status408RequestTimeout);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    /// <summary>
    /// The sender's key, apart for each resource. A request without one is another attempt: the fact's own id then
    /// says whether it was recorded before.
    /// </summary>
    public static IdempotencyKey Key(HttpContext context, string source)
    {
        if (context.Request.Headers[KeyHeader] is not { Count: > 0 } given)
            return Attempt();
        var key = given.ToString();
        if (given.Count > 1 || key.Length is 0 or > KeyLengthMax
            || !key.All(character => character is > ' ' and <= '~'))
            throw new QueryRefusedException(Rejection.InvalidIdentifier,
                $"{KeyHeader} must be 1 to {KeyLengthMax} visible ASCII characters without blanks");
        return new IdempotencyKey($"{source} {key}");
    }

    /// <summary>Another attempt; no sender's key begins with a blank.</summary>
    public static IdempotencyKey Attempt() => new($" http {Interlocked.Increment(ref attempts)}");
}
