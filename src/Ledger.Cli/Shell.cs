using System.Collections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>What a verb finds around it: the streams of its process, and the clock.</summary>
/// <param name="Raw">Standard output for what is no text: evidence as it was received.</param>
/// <param name="Watched">Whether a person watches standard error: only then is there progress.</param>
public sealed record Shell(
    Stream Input, Stream Raw, TextWriter Output, TextWriter Errors, IClock Clock, bool Watched = false)
{
    /// <summary>The settings of its process's environment, of which a server must know every one that is named as a
    /// setting; a test gives its own.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } =
        System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(
            one => (string)one.Key, one => (string?)one.Value ?? "", StringComparer.Ordinal);

    /// <summary>Where a bundle goes in place of the file that the command line names: what is handed out to a job must
    /// lie in no file that a crash would leave.</summary>
    public Stream? HandedOut { get; init; }

    private const string ToLineStart = "\r\u001b[K"; // ECMA-48: carriage return, erase to the end of the line

    /// <summary>Says how far the work is, in place of what was said before.</summary>
    public void Progress(string doing)
    {
        if (Watched) Errors.Write(ToLineStart + doing);
    }

    /// <summary>Clears the line of progress before anything else is printed.</summary>
    public void EndProgress()
    {
        if (Watched) Errors.Write(ToLineStart);
    }
}
