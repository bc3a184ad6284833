using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;

// The reports go where no one commits or reads them by mistake.
var config = DefaultConfig.Instance.WithArtifactsPath(Path.Combine(Path.GetTempPath(), "ledger-benchmarks"));
return BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config).Any(s => s.HasCriticalValidationErrors) ? 1 : 0;
