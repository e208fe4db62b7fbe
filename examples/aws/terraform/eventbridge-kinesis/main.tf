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

resource "aws_sesv2_configuration_set_event_destination" "eventbridge" {
  configuration_set_name = aws_sesv2_configuration_set.main.configuration_set_name
  event_destination_name = "eventbridge"
  event_destination {
    enabled              = true
    matching_event_types = local.kinds
    event_bridge_destination {
      event_bus_arn = "arn:${data.aws_partition.here.partition}:events:${local.scope}:event-bus/default"
    }
  }
}

resource "aws_cloudwatch_event_rule" "events" {
  name = "ses-events"
  event_pattern = jsonencode({
    source = ["aws.ses"]
    "detail-type" = [
      "Email Sent", "Email Rejected", "Email Bounced", "Email Complaint Received", "Email Delivered", "Email Opened",
      "Email Clicked", "Email Rendering Failed", "Email Delivery Delayed", "Email Subscribed",
    ]
  })
}

resource "aws_kinesis_stream" "events" {
  name             = "ses-events"
  retention_period = 168
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"
  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}

resource "aws_sqs_queue" "missed" {
  name                      = "ses-events-missed"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "missed" {
  queue_url = aws_sqs_queue.missed.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTheRule"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.missed.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.events.arn } }
    }]
  })
}

resource "aws_iam_role" "put" {
  name_prefix = "ses-events-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.here.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "put" {
  role = aws_iam_role.put.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kinesis:PutRecord", "kinesis:PutRecords"]
      Resource = aws_kinesis_stream.events.arn
    }]
  })
}

resource "aws_cloudwatch_event_target" "stream" {
  rule     = aws_cloudwatch_event_rule.events.name
  arn      = aws_kinesis_stream.events.arn
  role_arn = aws_iam_role.put.arn
  kinesis_target {
    partition_key_path = "$.detail.mail.messageId"
  }
  dead_letter_config {
    arn = aws_sqs_queue.missed.arn
  }
}
