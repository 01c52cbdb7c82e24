using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Ekiben.Instances;

/// <summary>When a file system made a file: the one time of a file that neither a copy nor a backup keeps.</summary>
internal static class BirthTime
{
    // statx(2): its constants, and the places of two fields in struct statx, which is the same on every Linux.
    private const int AtCurrentFolder = -100;
    private const uint WantsBirthTime = 0x800;
    private const int StatxBytes = 256;
    private const int BirthTimeAt = 80;

    /// <summary>Nanoseconds since 1970, rounded to what the system knows; 0 where it does not say.</summary>
    public static long Of(string file)
    {
        if (!OperatingSystem.IsLinux())
        {
            return new DateTimeOffset(File.GetCreationTimeUtc(file)).ToUnixTimeMilliseconds() * 1_000_000;
        }

        // The runtime answers with the last change here, which copies keep.
        var answer = new byte[StatxBytes];
        try
        {
            if (Statx(AtCurrentFolder, file, 0, WantsBirthTime, answer) != 0 || (BinaryPrimitives.ReadUInt32LittleEndian(answer) & WantsBirthTime) == 0)
            {
                return 0;
            }
        }
        catch (EntryPointNotFoundException)
        {
            // A C library from before 2018.
            return 0;
        }

        return (BinaryPrimitives.ReadInt64LittleEndian(answer.AsSpan(BirthTimeAt)) * 1_000_000_000) + BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(BirthTimeAt + 8));
    }

#pragma warning disable SYSLIB1054, CA2101 // UTF-8 is what Linux takes. The generated form needs unsafe code in the whole program for one call.
    [DllImport("libc", EntryPoint = "statx", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, [Out] byte[] answer);
#pragma warning restore SYSLIB1054, CA2101
}
