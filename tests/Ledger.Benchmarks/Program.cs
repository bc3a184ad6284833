using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using Ledger.Benchmarks;

if (args is ["journal", ..]) return await JournalThroughput.RunAsync(args.AsMemory(1));
if (args is ["replay", ..]) return await ReplayThroughput.RunAsync(args.AsMemory(1));
if (args is ["views", ..]) return await ViewStoreThroughput.RunAsync(args.AsMemory(1));
if (args is ["folds"]) return FoldThroughput.Run();
if (args is ["eventstoredb", ..]) return await EventStoreDbThroughput.RunAsync(args.AsMemory(1));
if (args is ["postgres", ..]) return await PostgresThroughput.RunAsync(args.AsMemory(1));
if (args is ["integrate", ..]) return IntegrationThroughput.Run(args.AsMemory(1));
if (args is ["simulation", ..]) return SimulationThroughput.Run(args.AsSpan(1));
if (args is ["verification", var folder]) return await VerificationThroughput.RunAsync(folder);
// A process that JournalThroughput starts.
if (args is ["verified", var journal, var ledger]) return VerificationMemory.Run(journal, ledger);
if (args is ["ingest", ..]) return await IngestThroughput.RunAsync(args.AsMemory(1));
if (args is ["settle", ..]) return SettlementThroughput.Run(args.AsSpan(1));
if (args is ["frames", ..]) return await FrameThroughput.RunAsync(args.AsMemory(1));
if (args is ["api", ..]) return await ApiThroughput.RunAsync(args.AsMemory(1));
if (args is ["fuzz", var target]) return Fuzz.Run(target);

// The reports go where no one commits or reads them by mistake.
var config = DefaultConfig.Instance.WithArtifactsPath(Path.Combine(Path.GetTempPath(), "ledger-benchmarks"));
return BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config)
    .Any(s => s.HasCriticalValidationErrors) ? 1 : 0;
