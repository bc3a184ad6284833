using System.Globalization;
using System.Security.Cryptography;
using NodaTime;

namespace Ledger.Projections;

/// <summary>As whom a runner writes views, and how long after its last sign of life nobody else does.</summary>
/// <param name="Holder">Whoever bears this name is the same owner; a runner that starts anew under it goes on at
/// once.</param>
/// <param name="Length">After a crash a take-over waits so long; a batch takes a small part of it.</param>
public sealed record RunnerLease(string Holder, Duration Length)
{
    public static readonly Duration UsualLength = Duration.FromSeconds(5);

    /// <summary>Of a runner whose views nobody else can open, because it owns their folder.</summary>
    public static RunnerLease OfFolderOwner { get; } = new("the folder's owner", UsualLength);

    /// <summary>Of this process and no other, wherever it runs.</summary>
    public static RunnerLease OfThisProcess { get; } = new(string.Create(CultureInfo.InvariantCulture,
        $"{Environment.MachineName}/{Environment.ProcessId}/{RandomNumberGenerator.GetHexString(8, true)}"),
        UsualLength);
}
