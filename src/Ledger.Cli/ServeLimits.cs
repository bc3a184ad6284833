using System.Globalization;
using Ledger.Journal;

namespace Ledger.Cli;

/// <summary>How much of what is refused a served ledger keeps: a party a day, and of the disk.</summary>
internal static class ServeLimits
{
    private const long Mebibyte = 1L << 20;

    public static IReadOnlyList<Option> Options { get; } =
    [
        new("--refused-per-day", "MIB", "what one party may have kept in a UTC day that is refused or does not count; "
            + $"{Text(EvidenceLimits.Standard.BytesPerDayMax)} where it is not given"),
        new("--disk-reserve", "MIB", "free space of the disk that is left to facts: with less, what is refused is not "
            + $"kept; {Text(EvidenceLimits.Standard.FreeBytesMin)} where it is not given, 0: nobody looks"),
    ];

    public static EvidenceLimits Of(CommandLine line)
    {
        var limits = new EvidenceLimits(
            Bytes(line, "--refused-per-day") ?? EvidenceLimits.Standard.BytesPerDayMax,
            Bytes(line, "--disk-reserve") ?? EvidenceLimits.Standard.FreeBytesMin);
        return limits.WhyNot is { } why ? throw new UsageException(why) : limits;
    }

    /// <summary>Whether what is refused would be kept now, and what is said of it.</summary>
    public static (bool IsGood, string Says) Look(EvidenceLimits limits, string folder)
    {
        var free = new DriveInfo(Directory.Exists(folder) ? folder : Path.GetFullPath(".")).AvailableFreeSpace;
        return free < limits.FreeBytesMin
            ? (false, $"the disk has {Text(free)} MiB free, under the {Text(limits.FreeBytesMin)} that are left to facts: "
                + "what is refused would not be kept")
            : (true, $"{Text(limits.BytesPerDayMax)} MiB a party and day are kept, {Text(limits.FreeBytesMin)} MiB of the "
                + $"disk are left to facts, which has {Text(free)} free");
    }

    private static long? Bytes(CommandLine line, string option) =>
        line.Option<long>(option, TryMebibytes, "a whole number of MiB, up to 16777216") * Mebibyte;

    private static bool TryMebibytes(string text, out long mebibytes) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out mebibytes)
        && mebibytes <= 16_777_216; // 16 TiB

    private static string Text(long bytes) => (bytes / Mebibyte).ToString(CultureInfo.InvariantCulture);
}
