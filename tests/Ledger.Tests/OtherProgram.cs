using System.Diagnostics;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The program that verifies bundles and shares no code with the ledger, where python3 is installed.</summary>
internal static class OtherProgram
{
    private static readonly Lazy<string?> Interpreter = new(Find);

    public static bool IsThere => Interpreter.Value is not null;

    /// <summary>What it says of a bundle; the test is skipped by name where there is no python3.</summary>
    public static (int Exit, string Output) Run(params string[] arguments)
    {
        Assert.SkipUnless(IsThere, "needs python3");
        return Run(Interpreter.Value!, ["-B", Repository.PathOf("tools/verify_ledger.py"), .. arguments]);
    }

    /// <summary>It verifies a bundle; asked for nothing where it is not there, which its own tests say.</summary>
    public static void Verifies(params string[] arguments) => Says(0, arguments);

    public static void Says(int expected, params string[] arguments)
    {
        if (!IsThere) return;
        var (exit, output) = Run(arguments);
        exit.ShouldBe(expected, output);
    }

    /// <summary>The interpreter itself: what the path names may be a script that looks for it anew each time, which
    /// takes longer than it does.</summary>
    private static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, "python3")).FirstOrDefault(File.Exists) is { } named
        ? Run(named, ["-c", "import sys; print(sys.executable)"]) is (0, var found) ? found.Trim() : named : null;

    private static (int Exit, string Output) Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PYTHONIOENCODING"] = "utf-8";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }
}
