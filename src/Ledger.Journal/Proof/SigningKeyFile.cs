using System.Security.Cryptography;
using System.Text;

namespace Ledger.Journal.Proof;

/// <summary>
/// The ledger's private key: the file <c>ledger.key</c> of the data folder, one line of c2sp.org/signed-note, readable
/// by its owner alone. It is written once, whole and durably; a key of a name is never made anew in its place.
/// </summary>
public static class SigningKeyFile
{
    public const string FileName = "ledger.key";

    /// <summary>
    /// The key that comes next. It is there before the current one hands over to it,
    /// and takes its place after that fact is durable; so a crash between loses neither.
    /// </summary>
    public const string NextFileName = "ledger.key.next";

    /// <summary>The key of the folder; null where there is none yet.</summary>
    public static SignerKey? Read(string directory, string fileName = FileName)
    {
        var path = Path.Combine(directory, fileName);
        if (!File.Exists(path)) return null;
        var text = Encoding.UTF8.GetString(DurableFiles.ReadOwnerOnly(path));
        try
        {
            return SignerKey.Parse(text.TrimEnd('\n'));
        }
        catch (NoteRefusedException)
        {
            throw new NoteRefusedException($"{path} is damaged: it is no private key of notes");
        }
    }

    /// <summary>
    /// The key of the folder, made where there is none. A seed is given where it has to come out the same each time (a
    /// demonstration), else it is random.
    /// </summary>
    public static SignerKey ReadOrCreate(string directory, string name, byte[]? seed = null, string fileName = FileName)
    {
        if (Read(directory, fileName) is { } there) return there;
        var key = new SignerKey(name, seed ?? RandomNumberGenerator.GetBytes(32));
        DurableFiles.Create(Path.Combine(directory, fileName), Encoding.UTF8.GetBytes(key.ToText() + '\n'),
            DurableFiles.OwnerOnly);
        return Read(directory, fileName)!; // of two that made one at once the first one's stays
    }

    /// <summary>The next key takes the place of the current one, which is gone.</summary>
    public static void Replace(string directory) =>
        SecretFile.Replace(Path.Combine(directory, FileName), Path.Combine(directory, NextFileName));

    /// <summary>Removes what a crash left of a key that gave way to the next. For whoever has the turn to
    /// sign.</summary>
    public static void FinishReplacing(string directory) => SecretFile.Finish(Path.Combine(directory, FileName));
}
