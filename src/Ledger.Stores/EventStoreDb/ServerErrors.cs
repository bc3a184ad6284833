using System.Globalization;
using System.Net;
using Grpc.Core;

namespace Ledger.Stores.EventStoreDb;

/// <summary>The stream is not at the revision that was expected; nothing was appended.</summary>
/// <param name="actual">Its revision; null where there is no such stream.</param>
public sealed class WrongExpectedVersionException(string streamName, string expected, long? actual)
    : Exception(string.Create(CultureInfo.InvariantCulture,
        $"stream {streamName} is at revision {actual ?? -1} and not at {expected}"))
{
    public string StreamName { get; } = streamName;
    public long? ActualVersion { get; } = actual;
}

public sealed class StreamNotFoundException(string streamName) : Exception($"there is no stream {streamName}");

/// <summary>The stream was deleted for good; nothing can be appended to it any more.</summary>
public sealed class StreamDeletedException(string streamName) : Exception($"stream {streamName} was deleted for good");

public sealed class AccessDeniedException(Exception? cause = null) : Exception("the server denies access", cause);

public sealed class NotAuthenticatedException(Exception? cause = null)
    : Exception("the server does not know these credentials", cause);

/// <summary>The node is not the leader; it says who is.</summary>
public sealed class NotLeaderException(DnsEndPoint leader, Exception cause)
    : Exception(string.Create(CultureInfo.InvariantCulture, $"{leader.Host}:{leader.Port} is the leader"), cause)
{
    public DnsEndPoint LeaderEndpoint { get; } = leader;
}

/// <param name="bytesMax">What one append may have, all its events together.</param>
public sealed class MaximumAppendSizeExceededException(uint bytesMax, Exception? cause = null)
    : Exception(string.Create(CultureInfo.InvariantCulture,
        $"the server takes at most {bytesMax} bytes in one append"), cause)
{
    public uint MaxAppendSize { get; } = bytesMax;
}

public sealed class RequiredMetadataPropertyMissingException(string names, Exception? cause = null)
    : Exception($"the server requires {names} of every event", cause);

public sealed class InvalidTransactionException(Exception? cause = null)
    : Exception("the server ended the append as invalid", cause);

/// <summary>No node of the cluster could be found in time.</summary>
public sealed class DiscoveryException(int attempts, Exception? cause) : Exception(
    string.Create(CultureInfo.InvariantCulture, $"no node was found in {attempts} rounds of asking"), cause);

/// <summary>
/// What the status and the trailers of a call mean. The key <c>exception</c> names the error; without it the status
/// alone says what happened, and the exception stays gRPC's own.
/// </summary>
internal static class ServerErrors
{
    public static Exception Translate(RpcException e) => Text(e, "exception") switch
    {
        "access-denied" => new AccessDeniedException(e),
        "stream-deleted" => new StreamDeletedException(Text(e, "stream-name")),
        "stream-not-found" => new StreamNotFoundException(Text(e, "stream-name")),
        "wrong-expected-version" => new WrongExpectedVersionException(Text(e, "stream-name"),
            Text(e, "expected-version"), Number(e, "actual-version")),
        "maximum-append-size-exceeded" => new MaximumAppendSizeExceededException(
            checked((uint)(Number(e, "maximum-append-size") ?? 0)), e),
        "missing-required-metadata-property" => new RequiredMetadataPropertyMissingException(
            Text(e, "required-metadata-properties"), e),
        "invalid-transaction" => new InvalidTransactionException(e),
        "not-leader" when Number(e, "leader-endpoint-port") is { } port =>
            new NotLeaderException(new DnsEndPoint(Text(e, "leader-endpoint-host"), checked((int)port)), e),
        _ => e.StatusCode switch
        {
            StatusCode.Unauthenticated => new NotAuthenticatedException(e),
            StatusCode.PermissionDenied => new AccessDeniedException(e),
            _ => e,
        },
    };

    /// <summary>
    /// Whether the same call may be made again, at another node or after a while: the server was away, changed its
    /// leader, or did not answer in time.
    /// </summary>
    public static bool IsPassing(Exception e) => e switch
    {
        NotLeaderException or DiscoveryException or TimeoutException => true,
        RpcException rpc => rpc.StatusCode is StatusCode.Unavailable or StatusCode.Cancelled or StatusCode.Aborted
            or StatusCode.DeadlineExceeded,
        _ => false,
    };

    /// <summary>Whether the connection itself is of no use any more.</summary>
    public static bool IsOfConnection(Exception e) => e is NotLeaderException
        || (e is RpcException rpc && rpc.StatusCode is StatusCode.Unavailable or StatusCode.Cancelled);

    private static string Text(RpcException e, string key) => e.Trailers.GetValue(key) ?? "";

    private static long? Number(RpcException e, string key) =>
        long.TryParse(Text(e, key), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
