using Ledger.Tests;
using SharpFuzz;

namespace Ledger.Benchmarks;

/// <summary>
/// <c>fuzz TARGET</c>: AFL++ hands one reader input after input and sees which of its branches each takes. An exception
/// that is no refusal is a crash to it. docs/fuzzing.md says how it is run.
/// </summary>
internal static class Fuzz
{
    public static int Run(string target)
    {
        if (!FuzzTargets.All.TryGetValue(target, out var read))
        {
            Console.Error.WriteLine($"fuzz TARGET, one of: {string.Join(", ", FuzzTargets.All.Keys)}");
            return 64;
        }
        Fuzzer.OutOfProcess.Run(stream =>
        {
            using var input = new MemoryStream();
            stream.CopyTo(input);
            read(input.ToArray());
        });
        return 0;
    }
}
