using System.Globalization;
using System.Runtime;
using System.Runtime.InteropServices;
using System.Text;
using Ledger.Cli;
using NodaTime;

// A machine's culture changes no character, even where somebody turns invariant globalization off.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
// Output is UTF-8 with plain line feeds, whatever the machine's locale: the same ledger prints the same bytes.
using var raw = Console.OpenStandardOutput();
using var output = Writer(raw);
using var errors = Writer(Console.OpenStandardError());
using var stop = new CancellationTokenSource();
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
var shell = new Shell(
    Console.OpenStandardInput(), raw, output, errors, SystemClock.Instance, Watched: !Console.IsErrorRedirected);
if (Verbs.IsRecomputing(args)) GCSettings.LatencyMode = GCLatencyMode.Batch;
return await Verbs.RunAsync(args, shell, stop.Token);

static StreamWriter Writer(Stream stream) => new(stream, new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };

// The first signal asks the verb to stop where it is safe; the second one ends the process.
void Stop(PosixSignalContext signal)
{
    signal.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}
