using System.Diagnostics;
using System.Globalization;

namespace Ledger.Benchmarks;

/// <summary>
/// Processor time of this process by the names of its threads, as Linux tells it, in hundredths of a second: which part
/// of the work takes how much. Elsewhere nothing is told.
/// </summary>
internal sealed class ProcessTimes
{
    private const string Folder = "/proc/self/task";
    private const int UserTimeField = 11, SystemTimeField = 12;

    private readonly Dictionary<string, (string Name, long Ticks)> before = Read();

    /// <summary>Seconds of processor time since this was made, the most first.</summary>
    public IEnumerable<(string Name, double Seconds)> Since() => Read()
        .Select(now => (now.Value.Name, now.Value.Ticks - before.GetValueOrDefault(now.Key).Ticks))
        .GroupBy(one => one.Name)
        .Select(group => (group.Key, group.Sum(one => one.Item2) / 100.0))
        .Where(one => one.Item2 >= 0.1)
        .OrderByDescending(one => one.Item2);

    private static Dictionary<string, (string Name, long Ticks)> Read()
    {
        var times = new Dictionary<string, (string Name, long Ticks)>();
        if (!Directory.Exists(Folder)) return times;
        foreach (var thread in Directory.EnumerateDirectories(Folder))
        {
            try
            {
                var line = File.ReadAllText(Path.Combine(thread, "stat"));
                var (open, close) = (line.IndexOf('('), line.LastIndexOf(')'));
                var fields = line[(close + 2)..].Split(' ');
                times[thread] = (line[(open + 1)..close],
                    long.Parse(fields[UserTimeField], CultureInfo.InvariantCulture)
                    + long.Parse(fields[SystemTimeField], CultureInfo.InvariantCulture));
            }
            catch (IOException)
            {
                Debug.WriteLine("a thread has just ended");
            }
        }
        return times;
    }
}

/// <summary>The memory of this process, looked at every second: its greatest, and whether it grows.</summary>
internal sealed class MemoryWatch : IDisposable
{
    private readonly List<long> seen = [];
    private readonly Timer timer;

    public MemoryWatch() => timer = new(_ => Look(), null, TimeSpan.Zero, TimeSpan.FromSeconds(1));

    public long Greatest
    {
        get { lock (seen) return seen.Max(); }
    }

    /// <summary>The greatest of each quarter of the time, in MiB.</summary>
    public string Quarters
    {
        get
        {
            lock (seen)
                return string.Join(", ", seen.Chunk(Math.Max(1, (seen.Count + 3) / 4))
                    .Select(part => (part.Max() >> 20).ToString(CultureInfo.InvariantCulture)));
        }
    }

    private void Look()
    {
        using var self = Process.GetCurrentProcess();
        lock (seen) seen.Add(self.WorkingSet64);
    }

    public void Dispose() => timer.Dispose();
}
