namespace Ledger.Cli;

/// <summary>The verbs of <c>ledger</c>, one file each; this is the only place that lists them.</summary>
public static class Verbs
{
    const string usage = """
        usage: ledger VERB [--data DIR] [--json]
          calc KIND --in FILE|-   evaluate a rule outside any ledger: calendar, register, integrate, round, deliver
        exit codes: 0 done, 1 not as it should be, 2 could not, 64 usage
        """;

    public static int Run(CommandLine line, Stream input, TextWriter output, TextWriter errors)
    {
        if (line.Help)
        {
            output.WriteLine(usage);
            return ExitCode.Done;
        }
        return line.Verb switch
        {
            "calc" => Calc.Run(line, input, output, errors),
            "" => Usage(errors, "a verb is needed"),
            _ => Usage(errors, $"unknown verb {line.Verb}"),
        };
    }

    public static int Usage(TextWriter errors, string problem)
    {
        errors.WriteLine($"ledger: {problem}");
        errors.WriteLine(usage);
        return ExitCode.Usage;
    }
}
