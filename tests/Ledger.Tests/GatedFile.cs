namespace Ledger.Tests;

/// <summary>A file whose writes wait while a gate is closed, and fail while the disk is broken.</summary>
internal sealed class GatedFile(string path, ManualResetEventSlim gate, Func<bool>? isBroken = null)
    : FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite)
{
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        gate.Wait();
        if (isBroken?.Invoke() == true) throw new IOException("the disk is broken");
        base.Write(buffer);
        Flush();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
}
