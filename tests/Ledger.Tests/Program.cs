using Ledger.Tests;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

// What xunit would generate, and before it the process that a test starts in order to kill it.
if (args is [KillableWriter.Verb, var folder, var ledger, var store])
    return await KillableWriter.RunAsync(new(folder, new(ledger), store));
using var place = TestPlace.InMemory();
// No process that a test starts lives long enough to gain by how often its methods were called.
Environment.SetEnvironmentVariable("DOTNET_TieredPGO", "0");
return args.Any(arg => arg is "--server" or "--internal-msbuild-node")
    ? await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await ConsoleRunner.Run(args);
