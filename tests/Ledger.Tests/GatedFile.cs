namespace Ledger.Tests;

/// <summary>A file whose writes wait while a gate is closed, and fail while the disk is broken.</summary>
internal sealed class GatedFile(string path, ManualResetEventSlim gate, Func<bool>? isBroken = null)
    : FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite)
{
    /// <summary>A span is written through here too, because this is no plain file stream.</summary>
    public override void Write(byte[] buffer, int offset, int count)
    {
        gate.Wait();
        if (isBroken?.Invoke() == true) throw new IOException("the disk is broken");
        base.Write(buffer, offset, count);
        Flush();
    }
}
