terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.57" }
  }
}

variable "set_name" {
  type    = string
  default = "main"
}

data "aws_caller_identity" "here" {}
data "aws_region" "here" {}
data "aws_partition" "here" {}

locals {
  # data.aws_region.here.name, deprecated from version 6 of the provider on, works in both; there it is .region
  scope   = "${data.aws_region.here.name}:${data.aws_caller_identity.here.account_id}"
  set_arn = "arn:${data.aws_partition.here.partition}:ses:${local.scope}:configuration-set/${var.set_name}"
  kinds = [
    "SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK", "RENDERING_FAILURE", "DELIVERY_DELAY",
    "SUBSCRIPTION",
  ]
}

resource "aws_sesv2_configuration_set" "main" {
  configuration_set_name = var.set_name
  suppression_options {
    suppressed_reasons = ["BOUNCE", "COMPLAINT"]
  }
}

resource "aws_s3_bucket" "events" {
  bucket_prefix = "ses-events-"
}

resource "aws_s3_bucket_public_access_block" "events" {
  bucket                  = aws_s3_bucket.events.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "events" {
  bucket = aws_s3_bucket.events.id
  rule {
    id     = "keep-ninety-days"
    status = "Enabled"
    filter {}
    expiration {
      days = 90
    }
  }
}

resource "aws_iam_role" "stream" {
  name_prefix = "ses-events-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "firehose.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "sts:ExternalId" = data.aws_caller_identity.here.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "stream" {
  role = aws_iam_role.stream.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = aws_s3_bucket.events.arn
      },
      {
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
        Resource = "${aws_s3_bucket.events.arn}/*"
      },
    ]
  })
}

resource "aws_kinesis_firehose_delivery_stream" "events" {
  name        = "ses-events"
  destination = "extended_s3"
  extended_s3_configuration {
    bucket_arn          = aws_s3_bucket.events.arn
    role_arn            = aws_iam_role.stream.arn
    prefix              = "ses-events/"
    error_output_prefix = "ses-failed/!{firehose:error-output-type}/"
    buffering_interval  = 300
    buffering_size      = 5
    compression_format  = "GZIP"
  }
  depends_on = [aws_iam_role_policy.stream]
}

resource "aws_iam_role" "ses" {
  name_prefix = "ses-events-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ses.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = {
          "AWS:SourceAccount" = data.aws_caller_identity.here.account_id
          "AWS:SourceArn"     = local.set_arn
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "ses" {
  role = aws_iam_role.ses.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "firehose:PutRecordBatch"
      Resource = aws_kinesis_firehose_delivery_stream.events.arn
    }]
  })
}

resource "aws_sesv2_configuration_set_event_destination" "firehose" {
  configuration_set_name = aws_sesv2_configuration_set.main.configuration_set_name
  event_destination_name = "firehose"
  depends_on             = [aws_iam_role_policy.ses]
  event_destination {
    enabled              = true
    matching_event_types = local.kinds
    kinesis_firehose_destination {
      delivery_stream_arn = aws_kinesis_firehose_delivery_stream.events.arn
      iam_role_arn        = aws_iam_role.ses.arn
    }
  }
}

output "bucket" {
  value = aws_s3_bucket.events.id
}
