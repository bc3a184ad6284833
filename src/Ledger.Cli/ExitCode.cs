namespace Ledger.Cli;

/// <summary>What every verb tells the shell that called it.</summary>
public static class ExitCode
{
    public const int Done = 0;
    /// <summary>The verb did its work, and what it looked at is not as it should be (a difference,
    /// a broken proof).</summary>
    public const int NotAsItShouldBe = 1;
    /// <summary>The verb could not do its work: unreadable input, a refused value, broken I/O.</summary>
    public const int CouldNot = 2;
    /// <summary>The command line itself is wrong (EX_USAGE of sysexits.h).</summary>
    public const int Usage = 64;
}
