using Ledger.Cli;

return CommandLine.TryParse(args, out var line, out var problem)
    ? Verbs.Run(line, Console.OpenStandardInput(), Console.Out, Console.Error)
    : Verbs.Usage(Console.Error, problem);
